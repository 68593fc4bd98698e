import errno
from pathlib import Path

import pytest

from offchain.errors import DiskFull
from offchain.storage.kv.server.files import Files
from tests.doubles.files import File

ONE, TWO = File.random(700), File.random(262144 + 5)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "files")


def put(files, file):
    half = file.size // 2
    files.put(file.root, file.size, [memoryview(file.data)[:half], memoryview(file.data)[half:]])


def path_of(tmp_path, file):
    [path] = (tmp_path / "files").glob(f"{file.root.hex()}-{file.size}.data")
    return path


@pytest.mark.parametrize("file", [ONE, TWO])
def test_put__pieces__are_there_as_one_file(files, file):
    assert (files.has(file.root, file.size), files.get(file.root, file.size)) == (False, None)
    put(files, file)
    assert (files.has(file.root, file.size), files.get(file.root, file.size)) == (True, file.data)
    assert files.all() == [(file.root, file.size)]
    assert files.bytes_held() == file.size


def test_get__same_root_and_another_size__is_not_there(files):
    put(files, ONE)
    assert files.get(ONE.root, ONE.size - 1) is None


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * 700], ids=["cut", "shorter", "zeros"])
def test_get__file_that_the_disk_has_changed__is_dropped(files, tmp_path, damage):
    put(files, ONE)
    path_of(tmp_path, ONE).write_bytes(damage)
    assert files.get(ONE.root, ONE.size) is None
    assert files.all() == []


def test_put__that_breaks_off__leaves_nothing(files, tmp_path):
    def pieces():
        yield memoryview(b"start")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        files.put(ONE.root, ONE.size, pieces())
    assert list((tmp_path / "files").iterdir()) == []


def test_start__removes_what_an_earlier_process_left_half_done(files, tmp_path):
    put(files, ONE)
    (tmp_path / "files" / "half.part").write_bytes(b"x")
    assert Files(tmp_path / "files").all() == [(ONE.root, ONE.size)]
    assert not (tmp_path / "files" / "half.part").exists()


def test_put__without_room__says_what_to_do(files, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFull, match="^no room is left for .*: free some space"):
        put(files, ONE)


def test_drop__twice__is_no_error(files):
    put(files, ONE)
    files.drop(ONE.root, ONE.size)
    files.drop(ONE.root, ONE.size)
    assert not files.has(ONE.root, ONE.size)
