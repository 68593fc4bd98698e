import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.encryption import Identity, Key, Recipient
from offchain.protocol.encryption_header import MAGIC
from offchain.protocol.kv import stream_data
from offchain.protocol.kv.replay import COMMIT, INVALID_DATA, Verdict
from offchain.protocol.kv.stream_data import StreamData, Write
from offchain.protocol.secp256k1 import public_key
from offchain.storage.client.seeds import Encryption
from offchain.storage.kv.client.sealing import Sealer
from offchain.storage.kv.server.decrypt import Decrypt
from tests.doubles.encrypted import encrypted_by_key
from tests.doubles.files import random_bytes
from tests.doubles.streams import StreamFile, stream_id
from tests.offchain.protocol.vectors import VECTORS, unhex

S = stream_id(1)
KEY = Key(b"\7" * 32)
STARTS = [b"", b"\1", b"\2", b"\2\2", MAGIC, *(MAGIC + bytes([mode]) for mode in range(5))]
PLAIN = stream_data.encode(StreamData(3, writes=(Write(S, b"k", random_bytes(600_000)),)))


def test_decrypt__plain_file__stays_as_it_is():
    assert Decrypt()(PLAIN) == PLAIN
    assert Decrypt([KEY])(PLAIN) == PLAIN


def test_decrypt__file_of_the_public_format__is_opened_with_its_key():
    assert Decrypt([KEY])(encrypted_by_key(KEY, PLAIN)) == PLAIN


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_decrypt__published_vectors__are_opened(version):
    vector = VECTORS["encryption"][version]
    opener = Key(unhex(vector["key"])) if version == "v1" else Identity(unhex(vector["recipientPriv"]))
    assert Decrypt([opener])(unhex(vector["stored"])) == unhex(vector["plaintext"])


def test_decrypt__without_any_key__takes_the_public_formats_for_plain():
    assert Decrypt()(encrypted_by_key(KEY, PLAIN))[0] == 1


def test_decrypt__with_the_wrong_kind_of_key__says_that_it_is_encrypted():
    verdict = Decrypt([KEY])(unhex(VECTORS["encryption"]["v2"]["stored"]))
    assert isinstance(verdict, Verdict)
    assert (verdict.result, verdict.reason[:17]) == (INVALID_DATA, "it is encrypted: ")


@pytest.mark.parametrize("openers", [[], [KEY], [Identity(b"\7" * 32)], [KEY, Identity(b"\7" * 32)]], ids=len)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300))
def test_decrypt__any_bytes__are_a_file_or_a_verdict(openers, start, rest):
    found = Decrypt(openers)(start + rest)
    assert isinstance(found, bytes) or found.result == INVALID_DATA


def test_decrypt__header_alone__is_refused():
    verdict = Decrypt([KEY])(b"\1" + bytes(10))
    assert verdict.result == INVALID_DATA


def sealed(public, lock):
    """Encrypts for `lock`, as clients do."""
    return Sealer(Encryption(lock, public)).seal


@pytest.mark.parametrize("public", [False, True], ids=["our format", "public format"])
@pytest.mark.parametrize("to_recipient", [False, True], ids=["key", "recipient"])
def test_replay__encrypted_with_another_key__is_refused_and_later_ones_go_on(make_parts, public, to_recipient):
    secret = b"\5" * 32
    lock = Recipient(public_key(secret)) if to_recipient else Key(secret)
    right, wrong = (Identity(secret), Identity(b"\6" * 32)) if to_recipient else (Key(secret), Key(b"\6" * 32))
    lost = StreamFile(writes=[(S, b"k", b"secret")], encrypt=sealed(public, lock))
    plain = StreamFile(writes=[(S, b"k", b"plain")])
    reader, stranger = make_parts("reader", openers=[right]), make_parts("stranger", openers=[wrong])
    for parts in (reader, stranger):
        parts.send(lost, plain)
    assert [reader.result(seq) for seq in (0, 1)] == [COMMIT, COMMIT]
    assert stranger.result(0).startswith("DataParseError: ")  # which one, is chance where nothing authenticates
    assert stranger.result(1) == COMMIT
    assert (reader.value(S, b"k", 0), stranger.value(S, b"k", 0)) == (b"secret", None)
    assert reader.value(S, b"k") == stranger.value(S, b"k") == b"plain"


def test_replay__encrypted_transaction__is_committed_by_who_has_the_key_only(make_parts):
    file = StreamFile(writes=[(S, b"k", b"secret")], encrypt=lambda data: encrypted_by_key(KEY, data))
    reader, stranger = make_parts("reader", openers=[KEY]), make_parts("stranger")
    assert [parts.result(*parts.send(file)) for parts in (reader, stranger)][0] == COMMIT
    assert stranger.result(0).startswith("DataParseError: ")
    assert (reader.value(S, b"k"), stranger.value(S, b"k")) == (b"secret", None)


@pytest.mark.parametrize("start", [1, 2])
def test_replay__plain_data_that_begins_as_encrypted_files_do__is_refused_with_a_key_and_without(make_parts, start):
    file = StreamFile(writes=[(S, b"k", b"forked")], encrypt=lambda data: bytes([start]) + bytes(7) + data[8:])
    servers = make_parts("plain"), make_parts("key", openers=[KEY]), make_parts("own", openers=[Identity(b"\7" * 32)])
    for parts in servers:
        parts.send(StreamFile(writes=[(S, b"k", b"first")]))
        parts.send(file)
    assert [parts.result(1).partition(":")[0] for parts in servers] == ["DataParseError"] * 3
    assert len({parts.root(S) for parts in servers}) == 1
