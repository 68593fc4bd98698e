import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.kv import tags
from offchain.protocol.kv.stream_data import (
    MAX_ENTRIES,
    MAX_KEY_BYTES,
    UNCHECKED,
    Control,
    Kind,
    Malformed,
    Read,
    StreamData,
    TooLong,
    Write,
    decode,
    encode,
)
from tests.offchain.protocol.kv_vectors import KV_VECTORS, stream_data_of
from tests.offchain.protocol.vectors import unhex

ONE, ACCOUNT = bytes([1]) * 32, bytes([0xAA]) * 20
U64 = 8
EMPTY_LIST = bytes(4)

streams = st.binary(min_size=32, max_size=32)
keys = st.binary(min_size=1, max_size=40)
accounts = st.binary(min_size=20, max_size=20)


@st.composite
def controls(draw):
    kind = draw(st.sampled_from(Kind))
    key = draw(keys) if kind.has_key else b""
    return Control(kind, draw(streams), key, draw(accounts) if kind.has_account else b"")


transactions = st.builds(
    StreamData,
    st.integers(0, (1 << 56) - 1) | st.integers(3 << 56, UNCHECKED),
    st.lists(st.builds(Read, streams, keys), max_size=3).map(tuple),
    st.lists(st.builds(Write, streams, keys, st.binary(max_size=60)), max_size=3).map(tuple),
    st.lists(controls(), max_size=3).map(tuple),
)


def count(number):
    return number.to_bytes(4, "big")


def blob(reads=EMPTY_LIST, writes=EMPTY_LIST, made=EMPTY_LIST, version=bytes(U64)):
    """Stream data of raw lists."""
    return version + reads + writes + made


def one_read(key_length, key=b""):
    return count(1) + ONE + key_length.to_bytes(3, "big") + key


def one_write(size, value=b""):
    return count(1) + ONE + b"\0\0\1k" + size.to_bytes(8, "big") + value


@given(transactions)
def test_decode__what_encode_wrote__is_the_same(data):
    assert decode(encode(data)) == data


@given(transactions, st.data())
def test_decode__cut_off_anywhere__is_refused(data, draw):
    encoded = encode(data)
    length = draw.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(Malformed, match=r" is cut off: \d+ bytes are left$"):
        decode(encoded[:length])


@given(transactions, st.binary(min_size=1, max_size=300))
def test_decode__bytes_behind_the_end__are_refused(data, rest):
    with pytest.raises(Malformed, match=rf"^{len(rest)} bytes follow the end at byte {len(encode(data))}$"):
        decode(encode(data) + rest)


@given(st.binary(max_size=300))
def test_decode__any_bytes__is_what_encodes_to_them_or_refused(data):
    try:
        assert encode(decode(data)) == data
    except Malformed as refused:
        assert str(refused)


def test_encode__published_transaction__has_the_published_bytes_and_tags():
    vector = KV_VECTORS["public"]
    stream = unhex(vector["streamId"])
    writes = tuple(Write(stream, key.encode(), value.encode()) for key, value in vector["writes"])
    data = StreamData(vector["version"], writes=writes)
    assert encode(data) == unhex(vector["encoded"])
    assert decode(unhex(vector["encoded"])) == data
    assert tags.encode(data.streams) == unhex(vector["tags"])


def test_encode__every_kind_of_entry__has_the_bytes_of_the_vector():
    vector = KV_VECTORS["streamData"]
    data = stream_data_of(vector)
    assert {control.kind for control in data.controls} == set(Kind)
    assert encode(data) == unhex(vector["encoded"])
    assert decode(unhex(vector["encoded"])) == data
    assert tags.encode(data.streams) == unhex(vector["tags"])


def test_streams__only_read__is_not_among_those_that_tags_name():
    data = StreamData(reads=(Read(b"r" * 32, b"k"),), writes=(Write(ONE, b"k", b""),))
    assert data.streams == (ONE,)


@pytest.mark.parametrize("key", [b"", b"x" * (MAX_KEY_BYTES + 1)])
def test_encode__key_of_a_length_that_has_no_form__is_refused(key):
    for data in (StreamData(reads=(Read(ONE, key),)), StreamData(controls=(Control(Kind.SET_KEY_NORMAL, ONE, key),))):
        with pytest.raises(Malformed, match=f"^a key has 1 to {MAX_KEY_BYTES} bytes, not {len(key)}$"):
            encode(data)


@pytest.mark.parametrize("stream", [b"", ONE[1:], ONE + b"\0"])
def test_encode__stream_id_of_another_length__is_refused(stream):
    for data in (
        StreamData(reads=(Read(stream, b"k"),)),
        StreamData(writes=(Write(stream, b"k", b""),)),
        StreamData(controls=(Control(Kind.RENOUNCE_ADMIN, stream),)),
    ):
        with pytest.raises(Malformed, match=f"^a stream id has 32 bytes, not {len(stream)}$"):
            encode(data)


@pytest.mark.parametrize("version", [-1, UNCHECKED + 1])
def test_encode__version_beyond_64_bits__is_refused(version):
    with pytest.raises(Malformed, match="^a version is from 0 to "):
        encode(StreamData(version))


@pytest.mark.parametrize("kind", Kind)
def test_encode__control_with_fields_of_another_kind__is_refused(kind):
    key, account = b"k" if kind.has_key else b"", ACCOUNT if kind.has_account else b""
    assert decode(encode(StreamData(controls=(Control(kind, ONE, key, account),)))).controls[0].kind is kind
    other_key, other_account = b"" if kind.has_key else b"k", b"" if kind.has_account else ACCOUNT
    for wrong in (Control(kind, ONE, other_key, account), Control(kind, ONE, key, other_account)):
        with pytest.raises(Malformed):
            encode(StreamData(controls=(wrong,)))


@pytest.mark.parametrize("account", [ACCOUNT[1:], ACCOUNT + b"\0"])
def test_encode__account_of_another_length__is_refused(account):
    control = Control(Kind.GRANT_ADMIN, ONE, account=account)
    with pytest.raises(Malformed, match=f"^GRANT_ADMIN has an account of 20 bytes, not {len(account)} bytes$"):
        encode(StreamData(controls=(control,)))


def test_encode__as_many_entries_as_there_may_be__is_taken():
    reads = (Read(ONE, b"k"),) * MAX_ENTRIES
    assert len(decode(encode(StreamData(reads=reads))).reads) == MAX_ENTRIES
    with pytest.raises(TooLong, match=f"^{MAX_ENTRIES + 1} reads are more than {MAX_ENTRIES}$"):
        encode(StreamData(reads=(*reads, reads[0])))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (blob(reads=count(MAX_ENTRIES + 1)), "reads"),
        (blob(writes=count(1 << 31)), "writes"),
        (blob(made=count((1 << 32) - 1)), "controls"),
    ],
)
def test_decode__list_longer_than_the_limit__is_refused_before_it_is_read(data, what):
    with pytest.raises(TooLong, match=rf"^\d+ {what} are more than {MAX_ENTRIES}$"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the version of 8 bytes at byte 0 is cut off: 0 bytes are left"),
        (blob(reads=one_read(0)), "the key at byte 47 is empty"),
        (blob(reads=one_read(MAX_KEY_BYTES)), "a key of 16777215 bytes at byte 47 is cut off: 8 bytes are left"),
        (blob(reads=count(1)), "a stream id of 32 bytes at byte 12 is cut off: 8 bytes are left"),
        (blob(writes=one_write(1 << 63)), f"a value of {1 << 63} bytes at byte 60 is cut off: 4 bytes are left"),
        (blob(writes=one_write(3, b"v")), "the number of controls of 4 bytes at byte 63 is cut off: 2 bytes are left"),
        (blob(made=count(1) + b"\x02" + ONE), "byte 20 names no kind of control: 0x02"),
        (blob(made=count(1) + b"\xff" + ONE), "byte 20 names no kind of control: 0xff"),
        (blob(made=count(1) + b"\x00" + ONE), "an account of 20 bytes at byte 53 is cut off: 0 bytes are left"),
        (blob(made=count(1) + b"\x10" + ONE + bytes(3)), "the key at byte 56 is empty"),
    ],
)
def test_decode__malformed__says_what_and_where(data, reason):
    with pytest.raises(Malformed) as refused:
        decode(data)
    assert str(refused.value) == reason


@pytest.mark.parametrize("version", [1 << 56, 2 << 56, (3 << 56) - 1])
def test_version__that_begins_as_encrypted_files_do__is_refused_both_ways(version):
    with pytest.raises(Malformed, match="a version does not begin with 0x0[12]: encrypted files do"):
        encode(StreamData(version))
    with pytest.raises(Malformed, match="a version does not begin with 0x0[12]: encrypted files do"):
        decode(version.to_bytes(8, "big") + encode(StreamData())[8:])
