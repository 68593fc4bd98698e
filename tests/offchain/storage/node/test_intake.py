from dataclasses import replace

import pytest

from offchain.errors import Busy
from offchain.net.remote import asker
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.submission import Submission
from offchain.storage.node.pool import MAX_FILE, room_of
from offchain.storage.node.refusals import AlreadyStored, Refusal, WrongFile
from offchain.storage.wire import Segment
from tests.doubles.files import File
from tests.doubles.running import run_service

SMALL = File.random(600)
LARGE = File.random(2 * SEGMENT_BYTES + 700)


def refusal_of(node, segment, seq=None):
    with pytest.raises(Refusal) as refusal:
        node.intake.take(segment, seq)
    return refusal.value.param, refusal.value.reason


def finalized(node, seq=0):
    return node.catalog.entry(seq).finalized


def test_take__file_without_submission__waits_in_the_pool(node):
    node.intake.take(SMALL.segment(0))
    assert node.pool.holds(SMALL.content)
    assert node.shelf.stored(SMALL.content) == 1


@pytest.mark.parametrize("seq", [5, 1 << 63, (1 << 64) - 1])
def test_take__submission_that_is_not_there_yet__waits_in_the_pool(node, seq):
    node.intake.take(SMALL.segment(0), seq)
    assert node.pool.holds(SMALL.content)


def test_take__large_file_without_submission__is_refused_in_the_public_words(node):
    segment = Segment(bytes(32), MAX_FILE + 1, 0, bytes(SEGMENT_BYTES), ())
    told = ("file_size", "caching of large file when tx is unavailable is not supported")
    assert refusal_of(node, segment) == told


def test_take__full_pool__is_busy(make_node):
    with pytest.raises(Busy, match="pool of files without a transaction is full"):
        make_node(capacity=500).intake.take(SMALL.segment(0))


def test_take__bad_segment_of_an_early_file__is_refused_and_takes_no_room(node):
    assert refusal_of(node, replace(SMALL.segment(0), data=bytes(768))) == ("proof", "validation failed")
    assert node.shelf.stored(SMALL.content) == 0
    assert (node.pool.holds(SMALL.content), node.pool.bytes_held()) == (False, 0)
    assert not list(node.store._folder.rglob("*.*"))


def test_take__same_segment_of_an_early_file_again__takes_room_once(node):
    node.intake.take(SMALL.segment(0))
    held = node.pool.bytes_held()
    with pytest.raises(AlreadyStored):
        node.intake.take(SMALL.segment(0))
    assert node.pool.bytes_held() == held > 0


def test_take__full_pool__leaves_nothing_on_disk(make_node):
    node = make_node(capacity=500)
    with pytest.raises(Busy):
        node.intake.take(SMALL.segment(0))
    assert not list(node.store._folder.rglob("*.*"))


def test_take__early_segments__count_for_whoever_asked(make_node):
    node = make_node(share=room_of(768))
    asker.set("192.0.2.1")
    node.intake.take(SMALL.segment(0))
    with pytest.raises(Busy, match="^this address has "):
        node.intake.take(LARGE.segment(0))
    asker.set("192.0.2.2")
    node.intake.take(File.random(700).segment(0))
    asker.set("")


@pytest.mark.parametrize("length", [0, 1, 255, 257, 600])
def test_take__data_that_is_no_whole_sectors__is_refused_before_anything_else(node, length):
    assert refusal_of(node, replace(SMALL.segment(0), data=bytes(length))) == ("data", "invalid data length")
    assert not node.pool.holds(SMALL.content)


@pytest.mark.parametrize("seq", [None, 0])
def test_take__submitted_file__is_stored_outside_of_the_pool(node, seq):
    node.submit(LARGE)
    for index in LARGE.segments:
        node.intake.take(LARGE.segment(index), seq)
    assert node.shelf.stored(LARGE.content) == 3
    assert not node.pool.holds(LARGE.content)


def test_take__segment_of_another_file__is_refused_in_the_public_words(node):
    node.submit(LARGE)
    with pytest.raises(WrongFile) as refusal:
        node.intake.take(SMALL.segment(0), 0)
    assert refusal.value.reason == "data root and tx seq not match"
    assert node.shelf.stored(SMALL.content) == 0


@pytest.mark.parametrize("seq", [None, 0])
@pytest.mark.parametrize("size", [599, 601])
def test_take__other_size_than_the_submission__is_refused_in_the_public_words(node, seq, size):
    node.submit(SMALL)
    told = ("file_size", "segment file size not matched with tx file size")
    assert refusal_of(node, replace(SMALL.segment(0), size=size), seq) == told


@pytest.mark.parametrize("seq", [None, 0])
def test_take__finalized_file__is_refused_in_the_public_words(node, seq):
    node.hold(SMALL)
    assert refusal_of(node, SMALL.segment(0), seq) == ("root", "already uploaded and finalized")


def test_take__second_submission_of_a_root_with_another_size__takes_its_own(node):
    longer = File(SMALL.data + bytes(5))
    assert longer.root == SMALL.root
    node.hold(SMALL)
    node.flow.submit(Submission(605, b"", SMALL.submission().nodes), 2)
    node.follow(node.flow.submitted[1:])
    node.intake.take(longer.segment(0))
    node.shelf.complete(longer.content)
    assert (finalized(node, 0), finalized(node, 1)) == (True, True)


def test_service__segments_arrived__finishes_the_file(node):
    node.submit(SMALL, LARGE)
    node.put(SMALL)
    node.put(LARGE, [0, 2])
    run_service(node.intake.service)
    assert (finalized(node, 0), finalized(node, 1)) == (True, False)
    node.put(LARGE, [1])
    run_service(node.intake.service)
    assert finalized(node, 1)


def test_service__segments_before_the_submission__finishes_once_it_comes(node):
    node.put(LARGE)
    run_service(node.intake.service)
    node.submit(LARGE)
    run_service(node.intake.service)
    assert finalized(node)


def test_service__file_completed_while_it_runs__is_finished_at_the_next_look(node):
    node.submit(SMALL)
    looks = []

    async def pause(seconds):
        looks.append(finalized(node))
        if len(looks) == 1:
            node.put(SMALL)

    class Steps:
        """A context for three looks."""

        stopping = property(lambda _: len(looks) == 3)
        progress = staticmethod(lambda: None)

    context = Steps()
    context.pause = pause
    import asyncio

    asyncio.run(node.intake.service.run(context))
    assert looks == [False, True, True]


def test_service__unfinished_files_of_an_earlier_run__are_looked_at_first(make_node):
    before = make_node("same")
    before.submit(SMALL)
    before.put(SMALL)
    after = make_node("same", flow=before.flow)
    assert not finalized(after)
    run_service(after.intake.service)
    assert finalized(after)


def test_service__many_unfinished_files_of_an_earlier_run__are_looked_at_page_by_page(make_node, monkeypatch):
    before = make_node("same")
    files = [File.random(600, seed) for seed in range(7)]
    before.submit(*files)
    for file in files:
        before.put(file)
    after = make_node("same", flow=before.flow)
    unfinished = after.catalog.unfinished
    monkeypatch.setattr(after.catalog, "unfinished", lambda seq: unfinished(seq, 3))
    run_service(after.intake.service)
    assert [finalized(after, seq) for seq in range(7)] == [True] * 7


def test_service__nothing_touched__looks_again_soon(node):
    clock = run_service(node.intake.service, pauses=3)
    assert clock.waited == [0.05] * 3
