import errno
import os

import pytest

from offchain.errors import Corrupted, DiskFull
from offchain.storage.miner.sealed_file import SealedFile, checksum
from tests.doubles.files import random_bytes

LOAD = 262_144


@pytest.fixture
def file(tmp_path):
    file = SealedFile(tmp_path / "sealed.data")
    yield file
    file.close()


def read(file, slot):
    target = bytearray(LOAD)
    file.read_into(slot, memoryview(target))
    return bytes(target)


def test_write__any_slot__is_read_back(file):
    loads = {slot: random_bytes(LOAD, slot) for slot in (5, 0, 2)}
    for slot, load in loads.items():
        file.write(slot, load)
    file.sync()
    assert {slot: read(file, slot) for slot in loads} == loads
    assert file.read_unit(2, 63) == loads[2][-4096:]


def test_write__slot_far_away__takes_only_the_room_of_a_load(file, tmp_path):
    file.write(100_000, random_bytes(LOAD))
    assert (tmp_path / "sealed.data").stat().st_size > 20 << 30
    assert (tmp_path / "sealed.data").stat().st_blocks * 512 < 2 << 20
    file.expect(100_000)


def test_write__system_that_writes_less_than_asked__goes_on(file, monkeypatch):
    original = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: original(descriptor, data[:100_000], at))
    file.write(1, random_bytes(LOAD))
    assert read(file, 1) == random_bytes(LOAD)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_write__no_room__says_so(file, monkeypatch, code):
    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DiskFull, match="no room is left"):
        file.write(0, random_bytes(LOAD))


def test_read__beyond_the_end__is_corrupted(file):
    file.write(0, random_bytes(LOAD))
    with pytest.raises(Corrupted, match="ends at byte 262144"):
        read(file, 1)


def test_read__disk_that_fails__is_corrupted(file, monkeypatch):
    file.write(0, random_bytes(LOAD))

    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", broken)
    with pytest.raises(Corrupted, match="Input/output error"):
        file.read_unit(0, 5)


def test_checksum__one_bit__changes_it():
    load = bytearray(random_bytes(LOAD))
    before = checksum(load)
    load[77_777] ^= 4
    assert checksum(load) != before


def test_free__some_disk__is_what_the_system_says(file, tmp_path):
    assert abs(file.free() - os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize) < 1 << 30
