import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.shards import Shard, owned_segments
from offchain.storage.node.stretches import clipped, common, runs

HUGE = 1 << 36


@given(st.sets(st.integers(0, 60)), st.integers(1, 10))
def test_runs__any_indices__are_covered_by_the_fewest_stretches(indices, longest):
    found = list(runs(sorted(indices), longest))
    assert [index for first, count in found for index in range(first, first + count)] == sorted(indices)
    assert all(1 <= count <= longest for _, count in found)
    for (first, count), (following, _) in zip(found, found[1:], strict=False):
        assert following > first + count or count == longest


def test_runs__nothing__is_nothing():
    assert list(runs([], 5)) == []


@given(st.integers(0, 20), st.integers(0, 60), st.integers(1, 9), st.integers(0, 80), st.integers(0, 80))
def test_clipped__any_range__is_what_lies_between(start, length, step, first, end):
    indices = range(start, start + length, step)
    assert list(clipped(indices, first, end)) == [index for index in indices if first <= index < end]


shards = st.integers(0, 4).flatmap(lambda bits: st.builds(Shard, st.integers(0, (1 << bits) - 1), st.just(1 << bits)))


@given(shards, shards, st.integers(0, 9000), st.integers(1, 40 * 262144), st.integers(0, 50), st.integers(0, 50))
def test_common__of_two_shards__is_what_both_own(ours, theirs, start, size, first, end):
    one, other = (owned_segments(shard, start, size) for shard in (ours, theirs))
    one = clipped(one, first, end)
    assert list(common(one, other)) == list(common(other, one)) == sorted(set(one) & set(other))


@pytest.mark.parametrize(("one", "other"), [(Shard(), Shard(255, 256)), (Shard(1, 4), Shard(3, 8))])
def test_common__of_huge_files__is_told_without_counting(one, other):
    shared = common(owned_segments(one, 0, HUGE << 18), owned_segments(other, 0, HUGE << 18))
    assert shared == (owned_segments(other, 0, HUGE << 18) if one.count == 1 else range(0))
