import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.sectors import SEGMENT_BYTES, SEGMENT_SECTORS, segment_count
from offchain.protocol.shards import MAX_SHARDS, Shard, first_segment, owned_segments, select

powers = st.integers(0, 8).map(lambda power: 1 << power)
shards = powers.flatmap(lambda count: st.integers(0, count - 1).map(lambda number: Shard(number, count)))
small = st.integers(0, 3).flatmap(lambda power: st.integers(0, (1 << power) - 1).map(lambda n: Shard(n, 1 << power)))
fleets = st.lists(small, max_size=14).map(lambda found: [(f"node {at}", shard) for at, shard in enumerate(found)])
methods = st.sampled_from(["min", "max", "random", "7"])


WHOLE = Shard()


def possible_replicas(nodes, part=WHOLE):
    """First principles: a part is held by its own nodes, and by as many pairs as its halves allow."""
    own = sum(shard == part for _, shard in nodes)
    if part.count == 8:
        return own
    halves = [Shard(part.number + half * part.count, part.count * 2) for half in (0, 1)]
    return own + min(possible_replicas(nodes, half) for half in halves)


def times_held(chosen, nodes):
    """How often the least held of 256 segments is held by the chosen nodes."""
    shards_of = dict(nodes)
    return min(sum(shards_of[name].owns(segment) for name in chosen) for segment in range(MAX_SHARDS))


@pytest.mark.parametrize("count", [0, -1, 3, 6, 257, 512])
def test_shard__count_that_is_no_power_of_two_up_to_256__is_refused(count):
    with pytest.raises(Invalid, match=f"^the number of shards is a power of two up to 256, not {count}$"):
        Shard(0, count)


@pytest.mark.parametrize(("number", "count"), [(1, 1), (-1, 2), (2, 2), (256, 256)])
def test_shard__number_outside_its_count__is_refused(number, count):
    with pytest.raises(Invalid, match=f"^shard {number} is not one of {count}$"):
        Shard(number, count)


@given(powers, st.integers(0, 10**9))
def test_owns__any_segment__belongs_to_exactly_one_shard(count, segment):
    assert [number for number in range(count) if Shard(number, count).owns(segment)] == [segment % count]


@given(shards, shards)
def test_covers__any_two_shards__means_that_everything_owned_is_owned(outer, inner):
    owned = {segment for segment in range(MAX_SHARDS) if inner.owns(segment)}
    assert outer.covers(inner) == all(outer.owns(segment) for segment in owned)


@given(shards, st.integers(0, 1 << 40), st.integers(1, 600 * SEGMENT_BYTES))
def test_owned_segments__any_file__are_those_whose_place_in_the_flow_is_owned(shard, start, size):
    first = start // SEGMENT_SECTORS
    expected = [index for index in range(segment_count(size)) if shard.owns(first + index)]
    assert list(owned_segments(shard, start, size)) == expected


@pytest.mark.parametrize(("start", "segment"), [(0, 0), (1023, 0), (1024, 1), (5000, 4)])
def test_first_segment__any_sector__is_the_segment_around_it(start, segment):
    assert first_segment(start) == segment


@given(fleets, st.integers(1, 4), methods)
@example([("whole", Shard()), ("left", Shard(0, 2)), ("right", Shard(1, 2))], 2, "max")
def test_select__any_fleet__holds_everything_as_often_as_asked_if_that_is_possible(nodes, replicas, method):
    chosen = select(nodes, replicas, method)
    if chosen is None:
        assert possible_replicas(nodes) < replicas
        return
    assert len(set(chosen)) == len(chosen)
    assert times_held(chosen, nodes) >= replicas
    assert possible_replicas(nodes) >= replicas


@given(fleets, st.integers(1, 3))
def test_select__min_and_max__take_the_fewest_and_the_most_nodes(nodes, replicas):
    fewest, most = select(nodes, replicas, "min"), select(nodes, replicas, "max")
    if fewest is not None:
        assert len(fewest) <= len(most)


def test_select__whole_node_beside_two_halves__min_takes_one_and_max_takes_two():
    nodes = [("whole", Shard()), ("left", Shard(0, 2)), ("right", Shard(1, 2))]
    assert select(nodes, 1, "min") == ["whole"]
    assert sorted(select(nodes, 1, "max")) == ["left", "right"]
    assert sorted(select(nodes, 2, "max")) == ["left", "right", "whole"]


def test_select__max_with_a_half_in_quarters__takes_the_quarters_where_they_are_whole():
    nodes = [("left", Shard(0, 2)), ("right", Shard(1, 2)), ("first", Shard(0, 4)), ("third", Shard(2, 4))]
    assert sorted(select(nodes, 1, "max")) == ["first", "right", "third"]
    assert sorted(select(nodes, 1, "min")) == ["left", "right"]
    assert select(nodes, 2, "max") is None


def test_select__seed__always_gives_the_same_and_seeds_differ():
    nodes = [(f"node {at}", Shard()) for at in range(20)]
    assert select(nodes, 3, "42") == select(nodes, 3, "42")
    assert len({tuple(select(nodes, 3, str(seed))) for seed in range(10)}) > 1


def test_select__node_listed_twice__counts_once():
    nodes = [("twin", Shard()), ("twin", Shard())]
    assert select(nodes, 1) == ["twin"]
    assert select(nodes, 2) is None


@pytest.mark.parametrize("method", ["min", "max"])
def test_select__smallest_shards__are_told_apart(method):
    nodes = [(f"{copy}/{number}", Shard(number, MAX_SHARDS)) for copy in range(2) for number in range(MAX_SHARDS)]
    assert len(select(nodes, 2, method)) == 2 * MAX_SHARDS
    assert select(nodes, 3, method) is None
    assert select(nodes[1:MAX_SHARDS], 1, method) is None


def test_select__no_nodes__is_none():
    assert select([], 1) is None


@pytest.mark.parametrize("replicas", [0, -3])
def test_select__no_replica__is_refused(replicas):
    with pytest.raises(Invalid, match="^at least one replica is needed$"):
        select([("node", Shard())], replicas)


@pytest.mark.parametrize("method", ["", "best", "-1", "1.5", "0x1", "9" * 5000])
def test_select__unknown_method__is_refused(method):
    with pytest.raises(Invalid, match="^nodes are selected by min, max, random or a seed, not by "):
        select([("node", Shard())], 1, method)
