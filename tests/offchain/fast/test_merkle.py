"""Twins of the protocol's Merkle functions."""

import mmap

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offchain.errors import Invalid, InvalidSegment
from offchain.fast import merkle
from offchain.protocol import merkle as protocol
from offchain.protocol.file_tree import build
from offchain.protocol.sectors import SEGMENT_BYTES, segment_data_length, segment_leaf_count

EDGES = [0, 1, 255, 256, 257, 4095, 4096, 4097, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1]


def random_bytes(size, seed=0):
    return np.random.default_rng(size + seed).bytes(size)


def leaf_counts(size):
    """Leaf counts for `size` bytes: exact, some padding, next power of two, more than a segment."""
    count = -(-size // 256)
    return sorted({count, count + 1, count + 9, 1 << max(count - 1, 0).bit_length(), count + 1025} - {0})


@pytest.mark.parametrize("size", EDGES)
def test_sector_hashes__sizes_at_the_edges__equals_protocol(size):
    for leaf_count in [-(-size // 256), *leaf_counts(size)]:
        assert merkle.sector_hashes(random_bytes(size), leaf_count) == protocol.sector_hashes(
            random_bytes(size), leaf_count
        )


@pytest.mark.parametrize("size", EDGES)
def test_segment_root__sizes_at_the_edges__equals_protocol(size):
    for leaf_count in leaf_counts(size):
        assert merkle.segment_root(random_bytes(size), leaf_count) == protocol.segment_root(
            random_bytes(size), leaf_count
        )


def test_segment_root__partial_last_segment__equals_protocol():
    size = 4 * SEGMENT_BYTES + 3
    last, leaf_count = random_bytes(size)[4 * SEGMENT_BYTES :], segment_leaf_count(size, 4)
    assert leaf_count == 512
    assert merkle.segment_root(last, leaf_count) == protocol.segment_root(last, leaf_count)


def test_segment_root__every_leaf_count_of_a_small_segment__equals_protocol():
    data = random_bytes(40 * 256 - 100)
    for leaf_count in range(40, 140):
        assert merkle.segment_root(data, leaf_count) == protocol.segment_root(data, leaf_count)


@given(st.binary(max_size=5000), st.integers(0, 40))
@example(b"", 1)
@example(bytes(256), 0)
def test_segment_root__random_data_and_padding__equals_protocol(data, padding):
    leaf_count = max(-(-len(data) // 256) + padding, 1)
    assert merkle.segment_root(data, leaf_count) == protocol.segment_root(data, leaf_count)
    assert merkle.sector_hashes(data, leaf_count) == protocol.sector_hashes(data, leaf_count)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=80))
def test_levels__random_hashes__equals_protocol(hashes):
    assert merkle.levels(hashes) == protocol.levels(hashes)
    assert merkle.tree_root(hashes) == protocol.tree_root(hashes)


@pytest.mark.parametrize("count", [1, 2, 3, 1023, 1024, 1025, 1536])
def test_levels__row_or_tuple_of_hashes__equals_protocol(count):
    hashes = protocol.sector_hashes(b"", count - 1) + [bytes(32)]
    rows = merkle.levels(tuple(hashes))
    assert rows == protocol.levels(hashes) and merkle.levels(rows[0]) == rows
    assert [len(row) for row in rows] == [len(row) for row in protocol.levels(hashes)]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sector_hashes", (bytes(257), 1)),
        ("sector_hashes", (b"", -1)),
        ("segment_root", (bytes(SEGMENT_BYTES + 1), 1024)),
        ("segment_root", (b"", 0)),
        ("segment_root", (b"", -1)),
        ("levels", ([],)),
        ("tree_root", ((),)),
    ],
)
def test_merkle__input_that_the_protocol_refuses__is_refused_in_the_same_words(name, arguments):
    with pytest.raises(Invalid) as expected:
        getattr(protocol, name)(*arguments)
    with pytest.raises(type(expected.value)) as refused:
        getattr(merkle, name)(*arguments)
    assert str(refused.value) == str(expected.value)


def test_segment_root__memory_of_any_kind__gives_the_root_of_its_bytes(tmp_path):
    data = random_bytes(10_000)
    expected = protocol.segment_root(data, 64)
    (tmp_path / "file").write_bytes(b"head" + data)
    with (tmp_path / "file").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        view = memoryview(mapped)[4:]
        assert merkle.segment_root(view, 64) == expected
        view.release()
    for kind in (bytearray, memoryview, lambda data: np.frombuffer(data, np.uint16)):
        assert merkle.segment_root(kind(data), 64) == expected
    for start in range(1, 9):
        assert merkle.segment_root(memoryview(bytes(start) + data)[start:], 64) == expected


def test_segment_root__data__stays_as_it_is():
    data = bytearray(random_bytes(300))
    before = bytes(data)
    merkle.segment_root(data, 4)
    assert data == before


@pytest.mark.parametrize("size", [1, 256, SEGMENT_BYTES, SEGMENT_BYTES + 1, 4 * SEGMENT_BYTES + 3, 6 * SEGMENT_BYTES])
def test_segment_roots__every_run_of_segments__equals_the_tree_of_the_file(size):
    data = random_bytes(size)
    expected = build(data).segment_roots
    count = -(-size // SEGMENT_BYTES)
    for first in range(count):
        for stop in range(first + 1, count + 1):
            part = data[first * SEGMENT_BYTES : stop * SEGMENT_BYTES]
            assert merkle.segment_roots(part, size, first) == expected[first:stop]


def test_segment_roots__segments_as_they_travel__are_the_same_filled_up():
    size = SEGMENT_BYTES + 300
    data = random_bytes(size)
    travelling = data.ljust(SEGMENT_BYTES + segment_data_length(size, 1), b"\0")
    assert merkle.segment_roots(travelling, size) == merkle.segment_roots(data, size)


@pytest.mark.parametrize(
    ("length", "first"),
    [(0, 0), (0, 1), (100, 0), (SEGMENT_BYTES, 1), (SEGMENT_BYTES + 600, 0), (300, 2), (300, -1), (300, 5)],
)
def test_segment_roots__no_whole_segments_of_the_file__raises_invalid_segment(length, first):
    with pytest.raises(InvalidSegment):
        merkle.segment_roots(bytes(length), SEGMENT_BYTES + 300, first)


def test_write_segment_roots__too_little_room__raises_invalid():
    with pytest.raises(Invalid, match="63 bytes do not hold roots of 64 bytes"):
        merkle.write_segment_roots(np.zeros(1, np.uint8), 1025, np.zeros(63, np.uint8))
