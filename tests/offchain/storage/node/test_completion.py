import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.store.segment_file import SegmentFile
from tests.doubles.files import File

SMALL = File.random(600)
LARGE = File.random(3 * SEGMENT_BYTES + 700)


@pytest.mark.parametrize(("shard", "owned"), [(Shard(), [0, 1, 2, 3]), (Shard(0, 2), [0, 2]), (Shard(7, 8), [])])
def test_missing__shard__lacks_only_what_it_owns(make_node, shard, owned):
    node = make_node(shard=shard)
    (entry,) = node.submit(LARGE)
    assert entry.start == 2 * 1024  # so its segments are 2 to 5 of the flow
    assert node.missing(entry) == owned
    node.shelve(LARGE, owned[:1])
    assert node.missing(entry) == owned[1:]


def test_complete__all_segments__are_safe_on_disk_before_it_is_noted(node, monkeypatch):
    (entry,) = node.submit(SMALL)
    node.shelve(SMALL)
    seen = []
    monkeypatch.setattr(SegmentFile, "sync", lambda _: seen.append(node.catalog.entry(0).finalized))
    node.shelf.complete(SMALL.content)
    assert seen == [False]
    assert node.catalog.entry(entry.seq).finalized


def test_complete__segment_missing__notes_nothing(node):
    (entry,) = node.submit(LARGE)
    node.shelve(LARGE, [0, 1, 3])
    node.shelf.complete(LARGE.content)
    assert not node.catalog.entry(entry.seq).finalized
    node.shelve(LARGE, [2])
    node.shelf.complete(LARGE.content)
    assert node.catalog.entry(entry.seq).finalized


def test_complete__file_without_submission__does_nothing(node):
    node.shelve(SMALL)
    node.shelf.complete(SMALL.content)
    node.shelf.complete(LARGE.content)
    assert node.catalog.unfinished_count() == 0


def test_complete__shard_that_owns_nothing_of_it__is_complete_at_once(make_node):
    node = make_node(shard=Shard(3, 8))
    (entry,) = node.submit(SMALL)
    node.shelf.complete(SMALL.content)
    assert node.catalog.entry(entry.seq).finalized


def test_complete__same_file_at_places_of_different_shards__finishes_those_that_are_whole(make_node):
    node = make_node(shard=Shard(0, 2))
    (elsewhere,) = node.submit(LARGE, SMALL)[1:]
    fillers = [File.random(SEGMENT_BYTES, seed) for seed in range(2)]
    (owned,) = node.submit(*fillers, SMALL)[2:]
    assert (elsewhere.start // 1024, owned.start // 1024) == (5, 8)

    def finalized():
        node.shelf.complete(SMALL.content)
        return [entry.finalized for entry in node.catalog.of_content(SMALL.content)]

    assert finalized() == [True, False]
    node.shelve(SMALL)
    assert finalized() == [True, True]


def test_complete__segment_lost_meanwhile__is_not_noted(node, monkeypatch):
    (entry,) = node.submit(LARGE)
    node.shelve(LARGE)
    sync = SegmentFile.sync

    def lose_one(file):
        sync(file)
        node.shelf.lose(LARGE.content, 1)

    monkeypatch.setattr(SegmentFile, "sync", lose_one)
    node.shelf.complete(LARGE.content)
    assert not node.catalog.entry(entry.seq).finalized
    assert node.missing(entry) == [1]


def test_complete__submission_replaced_meanwhile__is_not_taken_for_the_new_one(node, monkeypatch):
    node.submit(SMALL)
    node.shelve(SMALL)

    def reorganise(_):
        node.roll_back(0)
        node.submit(LARGE)

    monkeypatch.setattr(SegmentFile, "sync", reorganise)
    node.shelf.complete(SMALL.content)
    entry = node.catalog.entry(0)
    assert (entry.root, entry.finalized) == (LARGE.root, False)


def test_lose__while_completing_in_another_thread__ends_with_nothing_finalized_and_missing(node):
    """Whichever comes first: a lost segment never stays within a finalized file."""
    for turn in range(20):
        file = File.random(SEGMENT_BYTES + 1, turn)
        (entry,) = node.submit(file)
        node.shelve(file)
        together = threading.Barrier(2)

        def lose(content=file.content, together=together):
            together.wait(10)
            node.shelf.lose(content, 0)

        with ThreadPoolExecutor() as threads:
            losing = threads.submit(lose)
            together.wait(10)
            node.shelf.complete(file.content)
            losing.result(10)
        assert not node.catalog.entry(entry.seq).finalized
        assert node.missing(entry) == [0]
