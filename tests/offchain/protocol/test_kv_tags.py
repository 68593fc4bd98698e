import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.kv.tags import MAX_STREAMS, STREAM_DOMAIN, decode, encode
from offchain.protocol.submission import MAX_TAG_BYTES

ONE, TWO = bytes([1]) * 32, bytes([2]) * 32
ids = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5, unique=True).map(tuple)


def test_domain__is_the_published_word():
    assert hashlib.sha256(b"STREAM").digest() == STREAM_DOMAIN
    assert STREAM_DOMAIN.hex() == "df2ff3bb0af36c6384e6206552a4ed807f6f6a26e7d0aa6bff772ddc9d4307aa"


@given(ids)
def test_decode__what_encode_wrote__names_the_same_streams(streams):
    assert decode(encode(streams)) == streams


def test_encode__stream_that_stands_twice__is_named_once():
    assert encode([ONE, TWO, ONE]) == STREAM_DOMAIN + ONE + TWO


def test_decode__stream_that_stands_twice__counts_once():
    assert decode(STREAM_DOMAIN + ONE + TWO + ONE) == (ONE, TWO)


@pytest.mark.parametrize(
    "tags",
    [
        b"",
        STREAM_DOMAIN,
        STREAM_DOMAIN[:-1],
        STREAM_DOMAIN + ONE[:-1],
        STREAM_DOMAIN + ONE + b"\0",
        ONE + STREAM_DOMAIN,
    ],
)
def test_decode__tags_that_mean_something_else__name_no_stream(tags):
    assert decode(tags) == ()


def test_encode__as_many_streams_as_fit_into_tags__is_taken():
    streams = [number.to_bytes(32, "big") for number in range(MAX_STREAMS)]
    assert len(encode(streams)) == MAX_TAG_BYTES
    with pytest.raises(Invalid, match=f"^a submission belongs to 1 to {MAX_STREAMS} streams, not"):
        encode([*streams, b"\xff" * 32])


def test_encode__no_stream__is_refused():
    with pytest.raises(Invalid, match="not to 0$"):
        encode([])


@pytest.mark.parametrize("stream", [b"", ONE[:-1], ONE + b"\0"])
def test_encode__id_of_another_length__is_refused(stream):
    with pytest.raises(Invalid, match=f"^a stream id has 32 bytes, not {len(stream)}$"):
        encode([stream])
