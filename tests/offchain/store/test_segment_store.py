import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from offchain.errors import Corrupted, DiskFull, NotFound
from offchain.store import segment_file
from offchain.store.segment_store import Content, SegmentStore
from tests.doubles.files import File
from tests.doubles.killing import NO_SPACE, Failing

FILES = [File.random(300, seed) for seed in range(6)]
FIRST = FILES[0].content


@pytest.fixture
def store(tmp_path):
    opened = SegmentStore(tmp_path / "files", max_open=2)
    yield opened
    opened.close()


def put(store, file):
    with store.open(file.content, create=True) as target:
        target.write(0, file.segment_data(0), file.leaf(0), ())


def names(tmp_path):
    return sorted(found.name for found in (tmp_path / "files").rglob("*") if found.is_file())


def is_open(target):
    link = f"/proc/self/fd/{target._data}"
    return os.path.islink(link) and os.readlink(link).removesuffix(" (deleted)") == f"{target._path}.data"


def test_content__name__holds_root_and_size():
    assert Content(b"\xab" * 32, 5).name == "ab" * 32 + "-5"


def test_open__created__is_there_for_everybody_and_after_a_restart(store, tmp_path):
    put(store, FILES[0])
    with store.open(FIRST) as target:
        assert target.read(0, 2) == FILES[0].sectors(0, 2)
    again = SegmentStore(tmp_path / "files")
    with again.open(FIRST) as target:
        assert target.has(0)
    again.close()
    assert names(tmp_path) == [f"{FIRST.name}.data", f"{FIRST.name}.tree"]


def test_open__nothing_stored__is_not_found_and_makes_nothing(store, tmp_path):
    with pytest.raises(NotFound, match=f"^nothing is stored of {FIRST.root.hex()}$"), store.open(FIRST):
        pass
    assert names(tmp_path) == []


def test_open__same_root_with_another_size__is_another_file(store):
    put(store, FILES[0])
    with pytest.raises(NotFound), store.open(Content(FIRST.root, FIRST.size + 1)):
        pass


def test_open__twice_at_once__shares_one_file(store):
    with store.open(FIRST, create=True) as one, store.open(FIRST) as two:
        assert one is two


def test_open__only_data_left_by_a_crash__counts_as_nothing(store, tmp_path):
    put(store, FILES[0])
    store.close()
    (tree,) = (tmp_path / "files").rglob("*.tree")
    tree.unlink()
    with pytest.raises(NotFound), store.open(FIRST):
        pass
    with store.open(FIRST, create=True) as target:
        assert target.present == 0


def test_open__damaged_tree__is_corrupted_each_time_and_blocks_nobody_else(store, tmp_path):
    put(store, FILES[0])
    store.close()
    (tree,) = (tmp_path / "files").rglob("*.tree")
    tree.write_bytes(b"nonsense")
    for _ in range(2):
        with pytest.raises(Corrupted), store.open(FIRST):
            pass
    put(store, FILES[1])


def test_open__disk_full__is_told_and_leaves_no_file(store, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        Failing(patch, segment_file.os, ["pwrite"], 0, NO_SPACE)
        with pytest.raises(DiskFull), store.open(FIRST, create=True):
            pass
    with pytest.raises(NotFound), store.open(FIRST):
        pass
    put(store, FILES[0])


def test_open__more_files_than_allowed__closes_those_used_longest_ago(store):
    targets = []
    for file in FILES[:3]:
        with store.open(file.content, create=True) as target:
            targets.append(target)
    assert [is_open(target) for target in targets] == [False, True, True]
    with store.open(FILES[1].content):
        pass
    with store.open(FILES[3].content, create=True):
        pass
    assert [is_open(target) for target in targets] == [False, True, False]
    with store.open(FIRST) as again:
        assert is_open(again)


def test_open__files_in_use__are_never_closed(store):
    with store.open(FIRST, create=True) as used:
        for file in FILES[1:]:
            put(store, file)
        assert is_open(used)
        used.write(0, FILES[0].segment_data(0), FILES[0].leaf(0), ())
        assert used.read(0, 2) == FILES[0].sectors(0, 2)


def test_open__more_in_use_than_allowed__works_and_shrinks_afterwards(store):
    uses = [store.open(file.content, create=True) for file in FILES]
    targets = [use.__enter__() for use in uses]
    assert all(is_open(target) for target in targets)
    for use in uses:
        use.__exit__(None, None, None)
    assert sum(is_open(target) for target in targets) == 2


def test_remove__stored_file__is_gone_from_disk(store, tmp_path):
    put(store, FILES[0])
    put(store, FILES[1])
    store.remove(FIRST)
    assert names(tmp_path) == [f"{FILES[1].content.name}.data", f"{FILES[1].content.name}.tree"]
    with pytest.raises(NotFound), store.open(FIRST):
        pass


def test_remove__nothing_stored__does_nothing(store, tmp_path):
    store.remove(FIRST)
    assert names(tmp_path) == []


def test_remove__file_in_use__lets_its_user_finish_into_nothing(store, tmp_path):
    with store.open(FIRST, create=True) as old:
        store.remove(FIRST)
        old.write(0, FILES[0].segment_data(0), FILES[0].leaf(0), ())
        assert old.read(0, 2) == FILES[0].sectors(0, 2)
        with store.open(FIRST, create=True) as new:
            assert new is not old
            assert new.present == 0
    assert not is_open(old)
    with store.open(FIRST) as target:
        assert target.present == 0


def test_remove__idle_open_file__is_closed(store):
    with store.open(FIRST, create=True) as target:
        pass
    store.remove(FIRST)
    assert not is_open(target)


def test_store__many_threads__never_use_a_closed_file(store):
    together = threading.Barrier(8)

    def work(number):
        together.wait(10)
        for turn in range(60):
            file = FILES[(number + turn) % len(FILES)]
            with store.open(file.content, create=True) as target:
                target.write(0, file.segment_data(0), file.leaf(0), ())
                if target.has(0):
                    assert target.read(0, 2) == file.sectors(0, 2)
            if turn % 20 == number:
                store.remove(file.content)
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


def test_free__disk__has_some_bytes(store, tmp_path):
    disk = os.statvfs(tmp_path)
    assert 0 < store.free() <= disk.f_blocks * disk.f_frsize


def test_close__all_files__are_closed(store):
    with store.open(FIRST, create=True) as target:
        pass
    store.close()
    assert not is_open(target)
