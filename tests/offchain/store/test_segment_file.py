import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain.errors import Corrupted, DiskFull, Invalid, NotFound
from offchain.protocol import merkle
from offchain.protocol.sectors import SECTOR_BYTES, SEGMENT_BYTES, SEGMENT_SECTORS, padded_segment_count
from offchain.store import segment_file
from offchain.store.segment_file import SegmentFile
from tests.doubles.files import File
from tests.doubles.killing import NO_SPACE, Failing, Killed

SIZES = [1, SECTOR_BYTES, SEGMENT_BYTES, SEGMENT_BYTES + 1, 3 * SEGMENT_BYTES - 5, 5 * SEGMENT_BYTES]
SYSTEM_CALLS = ["pwrite", "ftruncate", "open", "pread"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture
def opened(path):
    """Opens segments of a file, closes them in the end."""
    files = []

    def open_file(size):
        files.append(SegmentFile(path, size))
        return files[-1]

    yield open_file
    for file in files:
        file.close()


def put(target, file, index):
    target.write(index, file.segment_data(index), file.leaf(index), file.tree.proof(index).siblings)


def assert_whole(target, file, index):
    """Segment `index` can be read and proven."""
    data = file.segment_data(index)
    assert target.read(index * SEGMENT_SECTORS, len(data) // SECTOR_BYTES) == data
    root, siblings = target.root(index), target.siblings(index)
    path = merkle.expected_path(index, padded_segment_count(file.size))
    assert root == file.leaf(index)
    assert merkle.fold(root, siblings, path) == file.root


@pytest.mark.parametrize("size", SIZES)
def test_write__every_segment_in_any_order__is_read_and_proven_after_reopening(opened, size):
    file, target = File.random(size), opened(size)
    assert target.present == 0
    for written, index in enumerate(reversed(file.segments)):
        put(target, file, index)
        assert target.present == written + 1
    target.sync()
    for each in (target, opened(size)):
        assert each.present == each.segments == len(file.segments)
        for index in file.segments:
            assert_whole(each, file, index)


def test_read__any_sectors_across_segments__are_those_of_the_file(opened):
    file = File.random(2 * SEGMENT_BYTES + 700)
    target = opened(file.size)
    for index in file.segments:
        put(target, file, index)
    for first, count in [(0, 1), (1023, 2), (0, 2051), (1024, 1024), (2048, 3), (2050, 1)]:
        assert target.read(first, count) == file.sectors(first, count)


@pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, 0), (0, -1), (1025, 1), (0, 1026), (1 << 60, 1)])
def test_read__beyond_the_file__is_refused(opened, first, count):
    target = opened(SEGMENT_BYTES + 1)
    text = f"^sectors {first} to {first + count} are not within a file of {SEGMENT_BYTES + 1} bytes$"
    with pytest.raises(Invalid, match=text):
        target.read(first, count)


def test_read__segment_that_is_not_there__is_not_found(opened):
    file = File.random(3 * SEGMENT_BYTES)
    target = opened(file.size)
    put(target, file, 0)
    put(target, file, 2)
    with pytest.raises(NotFound, match="^segment 1 is not stored here$"):
        target.read(SEGMENT_SECTORS - 1, 2)
    assert (list(target.gaps(range(3))), target.lacking(range(3))) == ([range(1, 2)], 1)
    assert [target.has(index) for index in range(3)] == [True, False, True]


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_gaps__any_segments_missing__are_their_stretches(opened, monkeypatch, block, step):
    monkeypatch.setattr(segment_file, "BLOCK", block)
    file = File.random(9 * SEGMENT_BYTES)
    target = opened(file.size)
    for index in (0, 3, 4, 8):
        put(target, file, index)
        for first in range(step):
            wanted = range(first, 9, step)
            absent = [each for each in wanted if not target.has(each)]
            assert [each for gap in target.gaps(wanted) for each in gap] == absent
            assert target.lacking(wanted) == len(absent)
    assert list(target.gaps(range(0))) == []


def test_gaps__long_stretches__are_few(opened):
    file = File.random(9 * SEGMENT_BYTES)
    target = opened(file.size)
    put(target, file, 5)
    assert list(target.gaps(range(9))) == [range(5), range(6, 9)]
    assert list(target.gaps(range(1, 9, 4))) == [range(1, 5, 4)]
    assert list(target.gaps(range(0, 9, 4))) == [range(0, 12, 4)]


def test_open__marks_that_none_are__count_as_missing(path, opened):
    file = File.random(3 * SEGMENT_BYTES)
    target = opened(file.size)
    for index in file.segments:
        put(target, file, index)
    with path.with_suffix(".tree").open("r+b") as tree:
        tree.seek(segment_file.HEADER.size + 1)
        tree.write(b"\x03")
    again = opened(file.size)
    assert (again.present, again.has(1), list(again.gaps(range(3)))) == (2, False, [range(1, 2)])
    put(again, file, 1)
    assert (again.present, again.lacking(range(3))) == (3, 0)


def test_forget__segment__is_missing_also_after_reopening_and_can_be_written_again(opened):
    file = File.random(2 * SEGMENT_BYTES)
    target = opened(file.size)
    for index in file.segments:
        put(target, file, index)
    target.forget(1)
    for each in (target, opened(file.size)):
        assert (each.has(0), each.has(1), each.present) == (True, False, 1)
    put(target, file, 1)
    assert_whole(opened(file.size), file, 1)


@pytest.mark.parametrize("siblings", [0, 2])
def test_write__wrong_number_of_siblings__marks_nothing(opened, siblings):
    file = File.random(2 * SEGMENT_BYTES)
    target = opened(file.size)
    with pytest.raises(ValueError):
        target.write(0, file.segment_data(0), file.leaf(0), [bytes(32)] * siblings)
    assert target.present == 0


@pytest.mark.parametrize("size", [1, 3 * SEGMENT_BYTES - 5])
def test_write__killed_between_any_two_system_calls__marked_segments_are_whole(tmp_path, monkeypatch, size):
    file, boundary, finished = File.random(size), 0, False
    while not finished:
        path = tmp_path / str(boundary)
        with monkeypatch.context() as patch:
            death = Failing(patch, segment_file.os, SYSTEM_CALLS, boundary)
            try:
                dying = SegmentFile(path, size)
                for index in file.segments:
                    put(dying, file, index)
                dying.close()
            except Killed:
                assert death.happened
            finished = not death.happened
        survivor = SegmentFile(path, size)
        for index in file.segments:
            if survivor.has(index):
                assert_whole(survivor, file, index)
            else:
                put(survivor, file, index)
        assert survivor.present == len(file.segments)
        for index in file.segments:
            assert_whole(survivor, file, index)
        survivor.close()
        boundary += 1
    assert boundary > 6 * len(file.segments)


@pytest.mark.parametrize("problem", [errno.ENOSPC, errno.EDQUOT])
def test_write__disk_full_at_any_write__leaves_everything_as_it_was(tmp_path, monkeypatch, problem):
    file, boundary, finished = File.random(2 * SEGMENT_BYTES), 0, False
    while not finished:
        target = SegmentFile(tmp_path / str(boundary), file.size)
        put(target, file, 0)
        with monkeypatch.context() as patch:
            failure = Failing(patch, segment_file.os, ["pwrite"], boundary, OSError(problem, "full"))
            try:
                put(target, file, 1)
                finished = True
            except DiskFull as error:
                assert (
                    str(error) == f"no room is left for {tmp_path / str(boundary)}: free some space; nothing is damaged"
                )
                assert failure.happened
                assert target.present == 1
        assert_whole(target, file, 0)
        put(target, file, 1)
        assert_whole(target, file, 1)
        target.close()
        boundary += 1
    assert boundary == 5  # data, root, the sibling, the mark; then none failed


def test_write__other_error_of_the_disk__is_not_hidden(opened, monkeypatch):
    file, target = File.random(1), opened(1)
    Failing(monkeypatch, segment_file.os, ["pwrite"], 0, OSError(errno.EIO, "broken"))
    with pytest.raises(OSError) as error:
        put(target, file, 0)
    assert error.value.errno == errno.EIO


@pytest.mark.parametrize(("call", "at"), [("open", 0), ("open", 1), ("pwrite", 0), ("ftruncate", 0)])
def test_open__disk_full__leaves_nothing_behind(tmp_path, monkeypatch, call, at):
    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        Failing(patch, segment_file.os, [call], at, NO_SPACE)
        with pytest.raises(DiskFull, match="no room is left for"):
            SegmentFile(tmp_path / "file", 5)
    assert len(os.listdir("/proc/self/fd")) == before
    if call != "ftruncate":  # by then the header is whole, which says that nothing is there
        assert list(tmp_path.iterdir()) == []
    SegmentFile(tmp_path / "file", 5).close()


def test_open__size_of_another_file__is_corrupted_and_changes_nothing(path, opened):
    file = File.random(2 * SEGMENT_BYTES)
    target = opened(file.size)
    put(target, file, 0)
    before = [path.with_suffix(ending).read_bytes() for ending in (".data", ".tree")]
    for size in (file.size - 1, file.size + 1, 1, 100 * SEGMENT_BYTES):
        with pytest.raises(
            Corrupted, match=f"^{path}.tree does not belong to a file of {size} bytes: remove both files$"
        ):
            SegmentFile(path, size)
    assert [path.with_suffix(ending).read_bytes() for ending in (".data", ".tree")] == before
    assert_whole(opened(file.size), file, 0)


@pytest.mark.parametrize("header", [b"x", b"ZGTREE02", b"\0" * 64, b"ZGTREE01" + b"\xff" * 8])
def test_open__tree_that_is_none__is_corrupted(path, header):
    path.with_suffix(".tree").write_bytes(header)
    with pytest.raises(Corrupted, match="remove both files"):
        SegmentFile(path, 5)


@pytest.mark.parametrize("length", [0, 1, 8, 15, 16, 63, 64])
def test_open__header_cut_by_a_crash__starts_without_segments(path, opened, length):
    file = File.random(2 * SEGMENT_BYTES)
    SegmentFile(path, file.size).close()
    os.truncate(path.with_suffix(".tree"), length)
    target = opened(file.size)
    assert target.present == 0
    put(target, file, 1)
    assert_whole(opened(file.size), file, 1)


def test_open__tree_cut_off_behind_the_marks__knows_the_roots_no_more(path, opened):
    file = File.random(2 * SEGMENT_BYTES)
    put(opened(file.size), file, 1)
    os.truncate(path.with_suffix(".tree"), 64 + 2)
    target = opened(file.size)
    assert target.root(1) == bytes(32)
    put(target, file, 1)
    assert_whole(target, file, 1)


def test_read__data_cut_off_from_outside__is_corrupted(path, opened):
    file, target = File.random(SEGMENT_BYTES), opened(SEGMENT_BYTES)
    put(target, file, 0)
    os.truncate(path.with_suffix(".data"), SEGMENT_BYTES - 1)
    with pytest.raises(Corrupted, match=f"^{path} ends too early: it was cut off from outside$"):
        target.read(0, SEGMENT_SECTORS)
    assert target.read(0, SEGMENT_SECTORS - 1) == file.sectors(0, SEGMENT_SECTORS - 1)


def test_root__tree_cut_off_while_open__is_corrupted(path, opened):
    file, target = File.random(2 * SEGMENT_BYTES), opened(2 * SEGMENT_BYTES)
    put(target, file, 0)
    os.truncate(path.with_suffix(".tree"), 66)
    for ask in (target.root, target.siblings):
        with pytest.raises(Corrupted, match="ends too early"):
            ask(0)


def test_write__many_threads_at_once__all_segments_are_whole(opened):
    file = File.random(24 * SEGMENT_BYTES + 5)
    target = opened(file.size)
    together = threading.Barrier(8)

    def work(number):
        together.wait(10)
        for index in list(file.segments)[number::4]:
            put(target, file, index)  # each segment by two threads

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, [0, 1, 2, 3] * 2))
    for each in (target, opened(file.size)):
        assert each.present == len(file.segments)
        for index in file.segments:
            assert_whole(each, file, index)


def test_write__short_writes_of_the_system__are_completed(opened, monkeypatch):
    file, target = File.random(2 * SEGMENT_BYTES), opened(2 * SEGMENT_BYTES)
    pwrite = os.pwrite
    monkeypatch.setattr(segment_file.os, "pwrite", lambda fd, data, at: pwrite(fd, memoryview(data)[:1000], at))
    put(target, file, 0)
    assert_whole(target, file, 0)


def test_open__size_of_nothing__is_refused(path):
    with pytest.raises(Invalid, match="a file needs at least one byte"):
        SegmentFile(path, 0)
    assert list(path.parent.iterdir()) == []
