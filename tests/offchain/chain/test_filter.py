from dataclasses import replace

from eth_bloom import BloomFilter
from hypothesis import given
from hypothesis import strategies as st

from offchain.chain.filter import LogFilter
from offchain.chain.types import Log

ADDRESS = "0x" + "ab" * 20
TOPICS = (b"\1" * 32, b"\2" * 32)
LOG = Log(ADDRESS, TOPICS, b"", 1, bytes(32), bytes(32), 0)


def test_matches__alternatives_at_a_position__are_any_of_them():
    assert LogFilter((ADDRESS,), ((b"\x09" * 32, b"\1" * 32),)).matches(LOG)
    assert not LogFilter((ADDRESS,), ((b"\x09" * 32,),)).matches(LOG)


def test_matches__empty_alternatives__are_anything():
    assert LogFilter((ADDRESS,), ((), (b"\2" * 32,))).matches(LOG)


def test_matches__more_positions_than_topics__is_no_match():
    assert not LogFilter((ADDRESS,), ((), (), ())).matches(LOG)


def test_matches__address_in_other_case__is_the_same_address():
    assert LogFilter((ADDRESS.upper().replace("0X", "0x"),)).matches(LOG)
    assert not LogFilter((ADDRESS,)).matches(replace(LOG, address="0x" + "cd" * 20))


def test_as_rpc__empty_alternatives__are_null():
    assert LogFilter((ADDRESS,), ((), (b"\2" * 32,))).as_rpc() == {
        "address": [ADDRESS],
        "topics": [None, ["0x" + "02" * 32]],
    }


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20), st.booleans())
def test_may_be_in__block_of_other_logs__agrees_with_the_reference_bloom_filter(others, present):
    bloom = BloomFilter()
    bloom.extend(others + ([bytes.fromhex(ADDRESS[2:]), TOPICS[0]] if present else []))
    packed = int(bloom).to_bytes(256, "big")
    expected = bytes.fromhex(ADDRESS[2:]) in bloom and TOPICS[0] in bloom
    assert LogFilter((ADDRESS,), ((TOPICS[0],),)).may_be_in(packed) == expected


def test_may_be_in__chain_without_blooms__is_never_suspicious():
    assert not LogFilter((ADDRESS,)).may_be_in(b"")
    assert not LogFilter((ADDRESS,)).may_be_in(bytes(256))
