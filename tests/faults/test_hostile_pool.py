"""Early segments that nobody honest sends: those of others still find room."""

import os

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.samples import Sample
from tests.doubles.zgs import Refused, Zgs

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

POOL, SHARE = 4 << 20, 1 << 20
STRANGER = "127.0.0.2"


@pytest.fixture
def node(tmp_path):
    with cluster_in(tmp_path, 1, "--pool", str(POOL), "--pool-share", str(SHARE)) as cluster:
        yield cluster.nodes[0]


def flood(node, segments):
    """A stranger sends segments; how often the node took one, and what it said to the others."""
    stranger, taken, words = Zgs(node.url, STRANGER), 0, set()
    for segment in segments:
        try:
            stranger.zgs_uploadSegment(segment)
            taken += 1
        except Refused as refused:
            words.add(refused.data or refused.message)
    return taken, words


def assert_has_room(node):
    good = Sample(SHARE // 2, seed="good")
    for index in good.segments:
        node.zgs_uploadSegment(good.posted(index))


def test_pool__invalid_segments_of_large_files__take_no_room(node):
    def invalid():
        whole = Sample(10 << 20).posted(0)
        for _ in range(20):
            yield whole | {"root": "0x" + os.urandom(32).hex()}

    assert flood(node, invalid()) == (0, {"validation failed"})
    assert not [path for path in (node.data / "files").rglob("*") if path.is_file()]
    assert_has_room(node)


def test_pool__last_segments_of_large_files__take_the_room_that_they_use(node):
    """One sector proves a file of 10 MiB: claims cost nothing, what is stored does."""
    ends = [Sample((10 << 20) - (1 << 18) + 1, seed=number) for number in range(8)]
    taken, _ = flood(node, (each.posted(each.segments[-1]) for each in ends))
    assert taken == len(ends)
    assert_has_room(node)


def test_pool__flood_from_one_address__leaves_room_for_others(node):
    many = (Sample(200_000, seed=number).posted(0) for number in range(30))
    taken, words = flood(node, many)
    assert 0 < taken < 30
    assert any("address" in each for each in words)
    assert_has_room(node)
