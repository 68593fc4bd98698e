import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.sectors import (
    SECTOR_BYTES,
    SEGMENT_BYTES,
    SEGMENT_SECTORS,
    node_heights,
    padded_sector_count,
    padded_segment_count,
    sector_count,
    segment_count,
    segment_data_length,
    segment_leaf_count,
)
from tests.offchain.protocol.vectors import VECTORS, size_of

MIB = 1 << 20
sizes = st.one_of(st.integers(1, 64 * MIB), st.integers(1, 1 << 54), st.integers(0, 46).map(lambda power: 1 << power))


def least_padding(sectors):
    """First principles: the first count that splits into subtrees within a factor of eight of each other."""
    while max(heights := node_heights(sectors)) - min(heights) > 3:
        sectors += 1
    return sectors


@pytest.mark.parametrize("vector", VECTORS["files"], ids=size_of)
def test_counts__published_files__reproduced(vector):
    size = vector["size"]
    assert sector_count(size) == vector["chunks"]
    assert padded_sector_count(size) == vector["paddedChunks"]
    assert padded_sector_count(size) * SECTOR_BYTES == vector["paddedSize"]
    assert segment_count(size) == vector["numSegments"]
    assert padded_segment_count(size) == vector["numSegmentsPadded"]
    assert list(node_heights(padded_sector_count(size))) == [node["height"] for node in vector["submissionNodes"]]


@pytest.mark.parametrize("first", range(1, 5000, 500))
def test_padded_sector_count__every_small_file__is_the_least_that_splits_well(first):
    for sectors in range(first, first + 500):
        assert padded_sector_count(sectors * SECTOR_BYTES) == least_padding(sectors)


@given(sizes)
def test_padded_sector_count__any_size__costs_less_than_an_eighth_in_at_most_four_nodes(size):
    real, padded = sector_count(size), padded_sector_count(size)
    heights = node_heights(padded)
    assert real <= padded
    assert (padded - real) * 8 < real
    assert 1 <= len(heights) <= 4
    assert heights[0] - heights[-1] <= 3


@given(sizes)
def test_node_heights__any_count__are_distinct_descending_powers_that_add_up(size):
    padded = padded_sector_count(size)
    heights = node_heights(padded)
    assert list(heights) == sorted(set(heights), reverse=True)
    assert sum(1 << height for height in heights) == padded


@given(st.integers(1, 40 * MIB))
def test_segments__any_file__add_up_to_its_sectors(size):
    data = [segment_data_length(size, index) for index in range(segment_count(size))]
    leaves = [segment_leaf_count(size, index) for index in range(padded_segment_count(size))]
    assert sum(data) == sector_count(size) * SECTOR_BYTES
    assert sum(leaves) == padded_sector_count(size)
    assert set(data[:-1]) <= {SEGMENT_BYTES}
    assert set(leaves[:-1]) <= {SEGMENT_SECTORS}
    assert all(0 < length <= SEGMENT_BYTES for length in data)


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("count", [sector_count, padded_sector_count, segment_count, padded_segment_count])
def test_counts__empty_file__is_refused(count, size):
    with pytest.raises(Invalid, match="^a file needs at least one byte$"):
        count(size)


@pytest.mark.parametrize("index", [-1, 2, 10**9])
@pytest.mark.parametrize("measure", [segment_data_length, segment_leaf_count])
def test_segments__index_beyond_the_file__is_refused(measure, index):
    size = SEGMENT_BYTES + 1
    with pytest.raises(Invalid, match=f"^segment {index} is beyond the end of a file of {size} bytes$"):
        measure(size, index)


def test_segments__padding_segment__has_leaves_and_no_data():
    size = 16 * SEGMENT_BYTES + 1
    assert (segment_count(size), padded_segment_count(size)) == (17, 18)
    assert segment_leaf_count(size, 17) == SEGMENT_SECTORS
    with pytest.raises(Invalid, match="segment 17 is beyond the end"):
        segment_data_length(size, 17)


def test_node_heights__nothing__has_none():
    assert node_heights(0) == ()
