"""Rows of hashes as sequences."""

import mmap
import pickle

import numpy as np
import pytest

from offchain.errors import Invalid
from offchain.fast.hash_row import HashRow, address, as_bytes

HASHES = [bytes([number]) * 32 for number in range(5)]


@pytest.fixture
def row():
    return HashRow(b"".join(HASHES))


def test_row__as_a_sequence__is_like_the_list_of_its_hashes(row):
    assert len(row) == 5 and list(row) == HASHES and HASHES[3] in row and row.index(HASHES[2]) == 2
    assert row[0] == HASHES[0] and row[-1] == HASHES[-1] and type(row[0]) is bytes
    assert list(reversed(row)) == HASHES[::-1]


@pytest.mark.parametrize("cut", [slice(1, 3), slice(3, 1), slice(-2, None), slice(9, 12), slice(None, None, -2)])
def test_row__sliced__is_like_the_sliced_list(row, cut):
    assert row[cut] == HASHES[cut]


@pytest.mark.parametrize("index", [5, -6])
def test_row__index_beyond_the_end__raises_index_error(row, index):
    with pytest.raises(IndexError):
        row[index]


def test_row__compared__equals_any_sequence_of_the_same_hashes(row):
    hashes = list(HASHES)
    assert row == hashes and hashes == row and row == tuple(HASHES) and row == HashRow.of(HASHES)
    assert row != HASHES[:-1] and row != HASHES[:-1] + [bytes(32)] and row != HashRow(bytes(160)) and row != 5


def test_row__of_a_row__is_that_row(row):
    assert HashRow.of(row) is row


def test_row__of_hashes_with_other_lengths__raises_invalid():
    with pytest.raises(Invalid, match="hash 1 has 33 bytes, not 32"):
        HashRow.of([bytes(32), bytes(33), bytes(31)])
    with pytest.raises(Invalid, match="33 bytes are no row"):
        HashRow(bytes(33))


def test_row__over_writable_memory__cannot_be_written_through(row):
    row = HashRow(np.zeros(64, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        row.array[0] = 1


def test_row__sent_to_another_process__stays_equal(row):
    assert pickle.loads(pickle.dumps(row)) == row


def test_as_bytes__memory_of_any_kind__is_not_copied(tmp_path):
    (tmp_path / "file").write_bytes(b"abcd")
    with (tmp_path / "file").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        for data in (b"abcd", bytearray(b"abcd"), memoryview(b"xabcd")[1:], np.frombuffer(b"abcd", np.uint16), mapped):
            array = as_bytes(data)
            assert array.tobytes() == b"abcd" and np.shares_memory(array, as_bytes(data))
            del array
    assert as_bytes(b"").size == 0


def test_as_bytes__scattered_memory__is_refused():
    with pytest.raises((ValueError, BufferError)):
        as_bytes(memoryview(b"abcd")[::2])


def test_address__part_of_an_array__counts_bytes_from_its_start():
    array = np.zeros(100, np.uint8)
    assert address(array[17:]) == address(array) + 17 == array.ctypes.data + 17
