import pytest

from offchain.errors import Invalid
from offchain.protocol.kv import stream_data
from offchain.protocol.kv.stream_data import UNCHECKED, Control, Kind, Malformed, Read, Write
from offchain.protocol.kv.tags import MAX_STREAMS
from offchain.storage.kv.client.batch import Batch, account_bytes, new_stream

ONE, TWO = bytes([1]) * 32, bytes([2]) * 32
WRITER = "0x" + "Ab" * 20
ACCOUNT = b"\xab" * 20

CONTROLS = {
    "grant_admin": (lambda batch: batch.grant_admin(ONE, WRITER), Control(Kind.GRANT_ADMIN, ONE, b"", ACCOUNT)),
    "renounce_admin": (lambda batch: batch.renounce_admin(ONE), Control(Kind.RENOUNCE_ADMIN, ONE)),
    "make_special": (lambda batch: batch.make_special(ONE, b"k"), Control(Kind.SET_KEY_SPECIAL, ONE, b"k")),
    "make_normal": (lambda batch: batch.make_normal(ONE, b"k"), Control(Kind.SET_KEY_NORMAL, ONE, b"k")),
    "grant": (lambda batch: batch.grant(ONE, WRITER), Control(Kind.GRANT_WRITER, ONE, b"", ACCOUNT)),
    "revoke": (lambda batch: batch.revoke(ONE, WRITER), Control(Kind.REVOKE_WRITER, ONE, b"", ACCOUNT)),
    "renounce": (lambda batch: batch.renounce(ONE), Control(Kind.RENOUNCE_WRITER, ONE)),
    "grant key": (
        lambda batch: batch.grant(ONE, WRITER, b"k"),
        Control(Kind.GRANT_SPECIAL_WRITER, ONE, b"k", ACCOUNT),
    ),
    "revoke key": (
        lambda batch: batch.revoke(ONE, WRITER, b"k"),
        Control(Kind.REVOKE_SPECIAL_WRITER, ONE, b"k", ACCOUNT),
    ),
    "renounce key": (lambda batch: batch.renounce(ONE, b"k"), Control(Kind.RENOUNCE_SPECIAL_WRITER, ONE, b"k")),
}


def test_put__the_same_key_again__counts_last_and_stands_last():
    batch = Batch().put(ONE, b"a", b"1").put(ONE, b"b", b"2").put(ONE, b"a", b"3")
    assert batch.data().writes == (Write(ONE, b"b", b"2"), Write(ONE, b"a", b"3"))
    assert batch.written(ONE, b"a") == b"3"


def test_delete__key__is_written_as_nothing():
    batch = Batch().put(ONE, b"a", b"1").delete(ONE, b"a")
    assert batch.data().writes == (Write(ONE, b"a", b""),)
    assert batch.written(ONE, b"a") == b""
    assert batch.written(TWO, b"a") is None


def test_put__nothing__is_refused_because_it_would_delete():
    with pytest.raises(Invalid, match="delete it instead"):
        Batch().put(ONE, b"a", b"")


@pytest.mark.parametrize("name", CONTROLS)
def test_controls__each__becomes_what_the_format_calls_it(name):
    change, expected = CONTROLS[name]
    batch = change(Batch())
    assert batch.data().controls == (expected,)
    assert stream_data.decode(stream_data.encode(batch.data())) == batch.data()


def test_controls__same_right_twice__keep_their_order():
    batch = Batch().grant(ONE, WRITER).revoke(ONE, WRITER)
    assert [control.kind for control in batch.data().controls] == [Kind.GRANT_WRITER, Kind.REVOKE_WRITER]


def test_data__version_and_reads__are_declared():
    batch = Batch().put(ONE, b"a", b"1")
    assert batch.data().version == UNCHECKED
    declared = batch.data(7, (Read(TWO, b"r"),))
    assert (declared.version, declared.reads) == (7, (Read(TWO, b"r"),))
    assert declared.streams == (ONE,)


def test_data__empty_batch__is_refused():
    assert Batch().is_empty
    with pytest.raises(Invalid, match="changes nothing"):
        Batch().data()


@pytest.mark.parametrize(
    "stream, key", [(b"short", b"k"), (ONE, b""), (ONE, bytes(1 << 24))], ids=["stream", "no key", "large key"]
)
def test_data__what_has_no_form__is_refused_before_anything_is_paid(stream, key):
    with pytest.raises(Malformed):
        Batch().put(stream, key, b"v").data()


def test_data__more_streams_than_tags_name__is_refused():
    batch = Batch()
    for number in range(MAX_STREAMS + 1):
        batch.put(number.to_bytes(32, "big"), b"k", b"v")
    with pytest.raises(Invalid, match="streams"):
        batch.data()


@pytest.mark.parametrize("text", ["", "0x", WRITER[:-1], WRITER + "0", WRITER[2:], WRITER + "\n"])
def test_account_bytes__no_address__is_refused(text):
    with pytest.raises(Invalid, match="is no address"):
        account_bytes(text)


def test_new_stream__drawn_twice__differs():
    assert len(new_stream()) == 32
    assert new_stream() != new_stream()
