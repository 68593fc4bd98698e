"""The hashes beside a file's data: what the segments that came have told of its tree."""

import pytest

from offchain.errors import NotFound
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.store.segment_file import SegmentFile
from tests.doubles.files import File


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


@pytest.mark.parametrize("stored", range(13))
def test_subtree__one_stored_segment__tells_those_beside_its_way(opened, stored):
    file = File.random(13 * SEGMENT_BYTES)
    target = opened(file.size)
    put(target, file, stored)
    assert target.subtree(0, stored) == file.leaf(stored)
    for level, row in enumerate(file.tree.rows):
        beside = (stored >> level) ^ 1
        if (beside + 1) << level <= 13:
            assert target.subtree(level, beside) == row[beside]


def test_subtree__all_segments__tell_every_subtree(opened):
    file = File.random(13 * SEGMENT_BYTES)
    target = opened(file.size)
    for index in file.segments:
        put(target, file, index)
    for level, row in enumerate(file.tree.rows):
        for index in range(13 >> level):
            assert target.subtree(level, index) == row[index]


def test_subtree__nothing_tells_it__is_not_found_after_a_few_looks(opened, monkeypatch):
    file = File.random(64 * SEGMENT_BYTES)
    target = opened(file.size)
    put(target, file, 40)
    looks, read = [], target._read
    monkeypatch.setattr(target, "_read", lambda *given: looks.append(1) or read(*given))
    with pytest.raises(NotFound, match="^segment 0 is not stored here$"):
        target.subtree(4, 0)
    assert len(looks) == 5
