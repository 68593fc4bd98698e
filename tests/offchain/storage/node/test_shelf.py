import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from offchain.errors import Busy, DiskFull, NotFound
from offchain.protocol import file_tree, merkle
from offchain.protocol.file_tree import FileTree
from offchain.protocol.merkle import Proof
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.node import shelf as module
from offchain.storage.node.refusals import AlreadyStored, Refusal
from offchain.storage.wire import Segment
from tests.doubles.files import File

SMALL = File.random(600)
LARGE = File.random(3 * SEGMENT_BYTES + 700)


def refusal_of(node, segment):
    with pytest.raises(Refusal) as refusal:
        node.shelf.put(segment)
    return refusal.value.param, refusal.value.reason


@pytest.mark.parametrize("claim", [False, True])
@pytest.mark.parametrize("file", [SMALL, LARGE], ids=["one segment", "four segments"])
def test_put__proven_segment__is_read_back_in_every_way(node, file, claim):
    for index in file.segments:
        node.shelf.put(file.segment(index, claim))
        assert node.shelf.data(file.content, index) == file.segment_data(index)
        assert node.shelf.segment(file.content, index) == file.segment(index)
        assert node.shelf.siblings(file.content, index) == list(file.tree.proof(index).siblings)
        assert node.shelf.segment_root(file.content, index) == file.leaf(index)
        assert node.shelf.stored(file.content) == index + 1


@pytest.mark.parametrize("index", [1, 2, 1 << 63, (1 << 64) - 1])
def test_put__index_beyond_the_file__is_refused(node, index):
    assert refusal_of(node, replace(SMALL.segment(0), index=index)) == ("index", "index out of bound")


@pytest.mark.parametrize("length", [256, 512, 1024, SEGMENT_BYTES])
def test_put__data_of_another_length__is_refused(node, length):
    segment = replace(SMALL.segment(0), data=bytes(length))
    assert refusal_of(node, segment) == ("data", "invalid data length")


def test_put__full_segment_for_the_last_one__is_refused(node):
    segment = replace(LARGE.segment(3), data=bytes(SEGMENT_BYTES))
    assert refusal_of(node, segment) == ("data", "invalid data length")


@pytest.mark.parametrize("claim", [False, True])
def test_put__data_that_the_root_does_not_hold__is_refused(node, claim):
    for index in LARGE.segments:
        segment = LARGE.segment(index, claim)
        data = bytes([segment.data[0] ^ 1]) + segment.data[1:]
        assert refusal_of(node, replace(segment, data=data)) == ("proof", "validation failed")
    assert node.shelf.stored(LARGE.content) == 0


def test_put__segment_of_another_place__is_refused(node):
    segment = replace(LARGE.segment(1), index=2)
    assert refusal_of(node, segment) == ("proof", "validation failed")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_put__wrong_number_of_siblings__is_refused(node, count):
    segment = replace(LARGE.segment(0), siblings=(bytes(32),) * count)
    assert refusal_of(node, segment) == ("proof", "invalid proof")


def test_put__sibling_changed_or_swapped__is_refused(node):
    one, two = LARGE.segment(0).siblings
    for siblings in ((bytes(32), two), (one, bytes(32)), (two, one)):
        segment = replace(LARGE.segment(0), siblings=siblings)
        assert refusal_of(node, segment) == ("proof", "validation failed")


def claimed(index, lemma=None, path=None):
    """A segment whose sender repeats the whole proof, perhaps wrongly."""
    segment = LARGE.segment(index, claim=True)
    claim = Proof(lemma or segment.claim.lemma, segment.claim.path if path is None else path)
    return replace(segment, claim=claim, siblings=claim.siblings)


@pytest.mark.parametrize("lemma", [(), (b"\1" * 32,), (b"\1" * 32,) * 3, (b"\1" * 32,) * 5])
def test_put__claim_of_an_impossible_shape__is_refused(node, lemma):
    segment = LARGE.segment(0, claim=True)
    claim = Proof(lemma, segment.claim.path)
    assert refusal_of(node, replace(segment, claim=claim, siblings=claim.siblings)) == ("proof", "invalid proof")


def test_put__single_segment_with_a_long_claim__is_refused(node):
    segment = SMALL.segment(0, claim=True)
    for claim in (Proof((SMALL.root, SMALL.root), ()), Proof((), ())):
        changed = replace(segment, claim=claim, siblings=claim.siblings)
        assert refusal_of(node, changed) == ("proof", "invalid proof")


def test_put__claim_of_another_path_root_or_leaf__is_refused(node):
    lemma = LARGE.tree.proof(1).lemma
    for segment in (
        claimed(1, path=(True, True)),
        claimed(1, path=(True,), lemma=lemma[:3]),
        claimed(1, lemma=(*lemma[:-1], bytes(32))),
        claimed(1, lemma=(bytes(32), *lemma[1:])),
    ):
        assert refusal_of(node, segment) == ("proof", "validation failed")


def test_put__something_in_the_padding_range__is_refused_in_the_public_words(node):
    size = 16 * SEGMENT_BYTES + 1
    honest = file_tree.build(bytes(size))
    false = FileTree(size, merkle.levels([*honest.segment_roots[:-1], b"\xff" * 32]), ())
    segment = Segment(false.root, size, 16, bytes(256), false.proof(16).siblings)
    assert refusal_of(node, segment) == ("proof", "invalid proof node value in the padding range")
    node.shelf.put(Segment(honest.root, size, 16, bytes(256), honest.proof(16).siblings))


def test_put__stored_already__is_refused_and_stays(node):
    node.shelve(SMALL)
    assert refusal_of(node, SMALL.segment(0)) == (
        "index",
        "segment has already been uploaded or is being uploaded",
    )
    assert node.shelf.data(SMALL.content, 0) == SMALL.segment_data(0)


class Held:
    """Holds every writer between its check of the limits and its write."""

    def __init__(self, monkeypatch):
        self.arrived, self.go_on = threading.Semaphore(0), threading.Event()
        verified = module._verified_root

        def held(segment):
            self.arrived.release()
            assert self.go_on.wait(10)
            return verified(segment)

        monkeypatch.setattr(module, "_verified_root", held)


def test_put__same_segment_on_its_way__is_refused(node, monkeypatch):
    held = Held(monkeypatch)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(node.shelf.put, LARGE.segment(0))
        held.arrived.acquire()
        with pytest.raises(AlreadyStored):
            node.shelf.put(LARGE.segment(0))
        other = threads.submit(node.shelf.put, LARGE.segment(1))
        held.go_on.set()
        first.result(10)
        other.result(10)
    assert node.shelf.stored(LARGE.content) == 2


def test_put__more_at_once_than_allowed__is_busy_in_the_public_words(make_node, monkeypatch):
    node, held = make_node(max_writing=2), Held(monkeypatch)
    with ThreadPoolExecutor() as threads:
        writing = [threads.submit(node.shelf.put, LARGE.segment(index)) for index in range(2)]
        for _ in writing:
            held.arrived.acquire()
        with pytest.raises(Busy, match="^too many data writing: 2$"):
            node.shelf.put(LARGE.segment(2))
        held.go_on.set()
        for each in writing:
            each.result(10)
    node.shelf.put(LARGE.segment(2))


def test_put__refused__gives_its_place_back(make_node):
    node = make_node(max_writing=1)
    for _ in range(3):
        refusal_of(node, replace(LARGE.segment(0), data=bytes(SEGMENT_BYTES)))
    node.shelf.put(LARGE.segment(0))


def test_put__disk_nearly_full__is_refused_with_another_way_to_go(node, monkeypatch):
    node.shelf.min_free = 1000
    monkeypatch.setattr(node.store, "free", lambda: 999)
    with pytest.raises(DiskFull, match="^this node's disk is full, upload to another one$"):
        node.shelf.put(SMALL.segment(0))
    monkeypatch.setattr(node.store, "free", lambda: 1000)
    node.shelf.put(SMALL.segment(0))


@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 1024), (1000, 100), (1023, 1026), (3072, 3), (0, 3075)])
def test_sectors__any_range__are_those_of_the_file(node, first, count):
    node.shelve(LARGE)
    assert node.shelf.sectors(LARGE.content, first, count) == LARGE.sectors(first, count)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0), (3075, 1), (3074, 2), (1 << 63, 1)])
def test_sectors__beyond_the_file__are_refused(node, first, count):
    node.shelve(LARGE)
    with pytest.raises(Refusal) as refusal:
        node.shelf.sectors(LARGE.content, first, count)
    assert (refusal.value.param, refusal.value.reason) == ("index", "index out of bound")


def test_segment__beyond_the_file__is_refused(node):
    with pytest.raises(Refusal, match="index: index out of bound"):
        node.shelf.segment(SMALL.content, 1)


def test_reading__what_is_not_stored__is_not_found(node):
    shelf, content = node.shelf, LARGE.content
    for _ in range(2):
        for ask in (shelf.data, shelf.segment, shelf.segment_root):
            with pytest.raises(NotFound):
                ask(content, 1)
        with pytest.raises(NotFound):
            shelf.sectors(content, 1023, 2)
        shelf.put(LARGE.segment(0)) if not shelf.stored(content) else None
    assert (shelf.stored(content), shelf.stored(SMALL.content)) == (1, 0)


@pytest.mark.parametrize("read", ["data", "segment"])
def test_reading__damaged_segment__is_not_found_and_lost(node, read):
    lost = []
    node.shelf.lost = lost.append
    (entry,) = node.hold(LARGE)
    node.damage(LARGE, 2, at=5000)
    with pytest.raises(NotFound, match="^segment 2 is damaged on this node's disk; it will be fetched again$"):
        getattr(node.shelf, read)(LARGE.content, 2)
    assert lost == [LARGE.content]
    assert node.missing(entry) == [2]
    assert not node.catalog.entry(entry.seq).finalized
    assert node.shelf.data(LARGE.content, 1) == LARGE.segment_data(1)


def test_reading__root_damaged__is_as_bad_as_data_damaged(node):
    (entry,) = node.hold(SMALL)
    (tree,) = node.store._folder.rglob("*.tree")
    with tree.open("r+b") as file:
        file.seek(65)
        file.write(bytes(32))
    with pytest.raises(NotFound, match="is damaged"):
        node.shelf.data(SMALL.content, 0)
    assert node.missing(entry) == [0]


def test_reading__data_cut_off_from_outside__is_lost_like_any_damage(node):
    (entry,) = node.hold(LARGE)
    (data,) = node.store._folder.rglob("*.data")
    os.truncate(data, 3 * SEGMENT_BYTES + 10)
    with pytest.raises(NotFound, match="segment 3 is damaged"):
        node.shelf.data(LARGE.content, 3)
    assert node.missing(entry) == [3]
    node.put(LARGE, [3])
    assert node.shelf.data(LARGE.content, 3) == LARGE.segment_data(3)


def test_reading__damage_in_a_file_submitted_twice__takes_both_back(node):
    entries = node.hold(SMALL, SMALL)
    assert [entry.finalized for entry in entries] == [True, True]
    node.damage(SMALL, 0)
    with pytest.raises(NotFound):
        node.shelf.data(SMALL.content, 0)
    assert [entry.finalized for entry in node.catalog.of_content(SMALL.content)] == [False, False]


def test_reading__without_verification__gives_what_is_there(make_node):
    node = make_node(verify=False)
    node.hold(SMALL)
    node.damage(SMALL, 0)
    assert node.shelf.data(SMALL.content, 0) != SMALL.segment_data(0)


def test_damaged__segments__are_told_and_nothing_is_forgotten(node):
    node.hold(LARGE)
    assert list(node.shelf.damaged(LARGE.content, range(4))) == []
    node.damage(LARGE, 1)
    (data,) = node.store._folder.rglob("*.data")
    os.truncate(data, 3 * SEGMENT_BYTES)
    assert list(node.shelf.damaged(LARGE.content, range(4))) == [1, 3]
    assert list(node.shelf.damaged(LARGE.content, [0, 2])) == []
    assert node.shelf.stored(LARGE.content) == 4
