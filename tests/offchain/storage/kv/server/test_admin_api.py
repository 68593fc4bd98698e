"""The operator's methods, and which streams are held."""

import pytest
from eth_account import Account

from offchain.errors import BadSettings, RemoteRefused
from offchain.protocol.kv.state_tree import state_root
from offchain.storage.kv.server.admin_api import PURPOSE, TYPES, AdminApi, domain
from offchain.storage.wire import to_hex
from tests.doubles.kv_parts import IDENTITY
from tests.doubles.local_web import LocalWeb
from tests.doubles.streams import StreamFile, stream_id

A, B = stream_id(1), stream_id(2)
WALLET, OTHER = (Account.from_key("0x" + digit * 64) for digit in "12")


def signed(stream, wallet=WALLET, chain_id=IDENTITY[0], purpose=PURPOSE, signer=None):
    """A registration as wallets sign it."""
    message = {"purpose": purpose, "wallet": wallet.address, "streamId": stream}
    return (signer or wallet).sign_typed_data(domain(chain_id), TYPES, message).signature


@pytest.fixture
def serve():
    """Calls of the operator's methods of a server."""

    def made(parts):
        web = LocalWeb()
        web.serve("http://kv", AdminApi(IDENTITY[0], parts.database, parts.holding).methods)
        return web.client("http://kv").rpc

    return made


def refused(call, *params):
    with pytest.raises(RemoteRefused) as error:
        call("admin_addStream", *params)
    return error.value.code, error.value.message, error.value.data


def test_add_stream__signed_by_the_wallet__is_held_from_then_on(make_parts, serve):
    parts = make_parts(held=frozenset([A]))
    call = serve(parts)
    file = StreamFile(writes=[(B, b"k", b"v")])
    [seq] = parts.send(file)
    assert parts.result(seq) is None
    for prefix in ("0x", ""):
        assert call("admin_addStream", to_hex(B), WALLET.address, prefix + signed(B).hex()) is True
    parts.work()
    parts.give(seq, file)
    assert (parts.result(seq), parts.value(B, b"k")) == ("Commit", b"v")
    parts.close()
    assert make_parts(held=frozenset([A])).replay.held == {A, B}


def test_add_stream__where_all_are_held__changes_nothing(parts, serve):
    assert serve(parts)("admin_addStream", to_hex(B), WALLET.address, signed(B).hex()) is True
    assert parts.holding.held is None


@pytest.mark.parametrize(
    "signature",
    [
        signed(A),
        signed(B, chain_id=5),
        signed(B, purpose="something else"),
        signed(B, signer=OTHER),
        signed(B, wallet=OTHER),
    ],
    ids=["stream", "chain", "purpose", "signer", "wallet"],
)
def test_add_stream__signature_of_something_else__is_refused(make_parts, serve, signature):
    parts = make_parts(held=frozenset([A]))
    expected = (-32602, "Invalid params: signature", "recovered signer does not match claimed wallet")
    assert refused(serve(parts), to_hex(B), WALLET.address, signature.hex()) == expected
    assert parts.holding.held == {A}


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("not-hex", "not valid hex"),
        ("0x123", "recovery failed: "),
        ("", "recovery failed: a signature has 65 bytes, not 0"),
        ("0x" + "00" * 64, "recovery failed: a signature has 65 bytes, not 64"),
        ("0x" + "00" * 65, "recovery failed: the signature cannot be recovered: "),
        ("0x" + "ff" * 65, "recovery failed: the signature cannot be recovered: "),
    ],
)
def test_add_stream__no_signature__is_refused(make_parts, serve, signature, reason):
    parts = make_parts(held=frozenset([A]))
    code, message, data = refused(serve(parts), to_hex(B), WALLET.address, signature)
    assert (code, message) == (-32602, "Invalid params: signature")
    assert data.startswith(reason)


def test_state_root__is_that_over_the_streams(parts, serve):
    parts.send(StreamFile(writes=[(A, b"k", b"v")]), StreamFile(writes=[(B, b"k", b"v")]))
    parts.announce(StreamFile(writes=[(A, b"k", b"w")]))
    root = state_root({stream: parts.root(stream) for stream in (A, B)})
    told = serve(parts)("admin_getStateRoot")
    assert told == {"root": to_hex(root), "streams": 2, "nextTxSeq": 3, "appliedSeq": 2}


def test_held_streams__of_earlier_settings__stay_held(make_parts):
    make_parts(held=frozenset([A])).close()
    assert make_parts(held=frozenset([B])).replay.held == {A, B}


def test_held_streams__that_the_settings_add__are_replayed_from_their_beginning(make_parts):
    file = StreamFile(writes=[(B, b"k", b"v")])
    parts = make_parts(held=frozenset([A]))
    [seq] = parts.send(file)
    parts.close()
    again = make_parts(held=frozenset([B]), flow=parts.flow)
    assert again.waiting() == [seq]
    again.give(seq, file)
    assert again.value(B, b"k") == b"v"


def test_all_streams__after_some__are_replayed_from_their_beginning(make_parts):
    parts = make_parts(held=frozenset([A]))
    [seq] = parts.send(StreamFile(writes=[(B, b"k", b"v")]))
    parts.close()
    assert make_parts(flow=parts.flow).waiting() == [seq]


def test_some_streams__after_all__are_refused(make_parts):
    make_parts().close()
    with pytest.raises(BadSettings, match="^the data directory holds all streams: leave out --streams"):
        make_parts(held=frozenset([A]))
