"""One file of the network on disk: its segments, which of them are there, and their proofs.

Two files lie side by side. `<name>.data` holds the sectors at their places; `<name>.tree` a header, one byte for each
segment that is there, and the hashes of the segment tree as far as they are known. A segment is written data first,
mark last, so that whatever moment the process ends in, a marked segment is whole.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from offchain.errors import Busy, Corrupted, DiskFull, Invalid, NotFound
from offchain.protocol.keccak import keccak256
from offchain.protocol.sectors import (
    SECTOR_BYTES,
    SEGMENT_SECTORS,
    padded_segment_count,
    sector_count,
    segment_count,
)

MAGIC = b"ZGTREE01"
HEADER = struct.Struct(">8sQ48x")
HASH_BYTES = 32
HERE = b"\x01"
ABSENT = b"\x00"
_MARKS = ABSENT + HERE + ABSENT * 254  # a mark that neither is comes from a damaged disk
UNKNOWN = bytes(HASH_BYTES)
BLOCK = 1 << 20  # segments of which marks are looked at together


class SegmentFile:
    """Segments of a file of `size` bytes; safe to use from several threads."""

    def __init__(self, path: Path, size: int) -> None:
        """Open the files `path`.data and `path`.tree, create them where missing.

        Corrupted when they do not fit; DiskFull and Busy leave nothing behind.
        """
        self.size = size
        self.segments = segment_count(size)
        self._widths = _widths(padded_segment_count(size))
        self._path = path
        self._lock = threading.Lock()
        with ExitStack() as undo:
            undo.enter_context(self._explained())
            self._data = _open(path.with_suffix(".data"), undo)
            self._tree = _open(path.with_suffix(".tree"), undo)
            self._marks = self._load()
            undo.pop_all()
        self._present = self._marks.count(HERE)

    @property
    def present(self) -> int:
        """Number of segments that are there."""
        return self._present

    def has(self, index: int) -> bool:
        """Whether segment `index` is there."""
        return self._marks[index] == HERE[0]

    def lacking(self, wanted: range) -> int:
        """How many of `wanted` are not there."""
        return sum(self._marks_of(block).count(ABSENT) for block in _blocks(wanted))

    def gaps(self, wanted: range) -> Iterator[range]:
        """The stretches of `wanted` that are not there, in order; a long one may come in parts."""
        for block in _blocks(wanted):
            marks, end = self._marks_of(block), 0
            while (first := marks.find(ABSENT, end)) >= 0:
                end = marks.find(HERE, first)
                if end < 0:
                    end = len(block)
                yield block[first:end]

    def write(self, index: int, data: bytes | bytearray | memoryview, root: bytes, siblings: Sequence[bytes]) -> None:
        """Store a segment that was verified; `siblings` bottom up. DiskFull leaves everything as it was."""
        with self._explained():
            _write(self._data, data, index * SEGMENT_SECTORS * SECTOR_BYTES)
            _write(self._tree, root, self._node(0, index))
            for (level, at), sibling in zip(self._siblings(index), siblings, strict=True):
                _write(self._tree, sibling, self._node(level, at))
            self._mark(index, HERE)

    def forget(self, index: int) -> None:
        """Mark segment `index` as missing: its data was found damaged."""
        self._mark(index, ABSENT)

    def read(self, first: int, sectors: int) -> bytes:
        """`sectors` sectors from sector `first` of the file; NotFound unless all their segments are there."""
        if first < 0 or sectors < 1 or first + sectors > sector_count(self.size):
            raise Invalid(f"sectors {first} to {first + sectors} are not within a file of {self.size} bytes")
        for index in range(first // SEGMENT_SECTORS, (first + sectors - 1) // SEGMENT_SECTORS + 1):
            if not self.has(index):
                raise NotFound(f"segment {index} is not stored here")
        return self._read(self._data, sectors * SECTOR_BYTES, first * SECTOR_BYTES)

    def root(self, index: int) -> bytes:
        """Root of segment `index`, as it was verified."""
        return self._read(self._tree, HASH_BYTES, self._node(0, index))

    def subtree(self, level: int, index: int) -> bytes:
        """Root over the 2^level segments from `index` 2^level on, as it was verified with some segment.

        NotFound unless a segment below it or beside it was stored once.
        """
        known = self._read(self._tree, HASH_BYTES, self._node(level, index))
        if known != UNKNOWN:
            return known
        if not level:
            raise NotFound(f"segment {index} is not stored here")
        # Nothing is stored beside it. Below it, too, each half is known by what is stored in the other.
        return keccak256(self.subtree(level - 1, 2 * index), self.subtree(level - 1, 2 * index + 1))

    def above(self, level: int, index: int) -> list[bytes]:
        """Hashes that prove that subtree, bottom up, as they were verified; NotFound like `subtree`."""
        return [self.subtree(*place) for place in self._siblings(index << level) if place[0] >= level]

    def siblings(self, index: int) -> list[bytes]:
        """Hashes that prove segment `index`, bottom up, as they were verified."""
        return [self._read(self._tree, HASH_BYTES, self._node(*place)) for place in self._siblings(index)]

    def sync(self) -> None:
        """Return when everything written is safe from a power cut."""
        os.fdatasync(self._data)
        os.fdatasync(self._tree)

    def close(self) -> None:
        """Close both files."""
        os.close(self._data)
        os.close(self._tree)

    def _load(self) -> bytearray:
        expected = HEADER.pack(MAGIC, self.size)
        header = os.pread(self._tree, HEADER.size, 0)
        if not expected.startswith(header):
            raise Corrupted(f"{self._path}.tree does not belong to a file of {self.size} bytes: remove both files")
        if len(header) < HEADER.size:
            # New, or a crash came before the header was whole: nothing was marked yet.
            _write(self._tree, expected, 0)
        os.ftruncate(self._tree, self._node(len(self._widths), 0))
        return bytearray(self._read(self._tree, self.segments, HEADER.size).translate(_MARKS))

    def _mark(self, index: int, mark: bytes) -> None:
        with self._lock:
            _write(self._tree, mark, HEADER.size + index)
            self._present += mark[0] - self._marks[index]
            self._marks[index] = mark[0]

    def _marks_of(self, wanted: range) -> bytearray:
        return self._marks[wanted.start : wanted.stop : wanted.step]

    def _node(self, level: int, index: int) -> int:
        """Position of a hash in the tree file."""
        return HEADER.size + self.segments + HASH_BYTES * (sum(self._widths[:level]) + index)

    def _siblings(self, index: int) -> Iterator[tuple[int, int]]:
        for level, width in enumerate(self._widths[:-1]):
            if index ^ 1 < width:
                yield level, index ^ 1
            index //= 2

    def _read(self, descriptor: int, length: int, at: int) -> bytes:
        data = os.pread(descriptor, length, at)
        if len(data) != length:
            raise Corrupted(f"{self._path} ends too early: it was cut off from outside")
        return data

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise DiskFull(f"no room is left for {self._path}: free some space; nothing is damaged") from error
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise Busy(f"{self._path} cannot be opened just now: too many files are open") from error
            raise


def _blocks(wanted: range) -> Iterator[range]:
    """Parts of `wanted` of bounded length."""
    return (wanted[at : at + BLOCK] for at in range(0, len(wanted), BLOCK))


def _widths(count: int) -> list[int]:
    """Hashes in each level of a tree over `count` items."""
    widths = [count]
    while widths[-1] > 1:
        widths.append(-(-widths[-1] // 2))
    return widths


def _open(path: Path, undo: ExitStack) -> int:
    """Descriptor of the file at `path`, made where missing; `undo` closes it, and removes it if nothing was in it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    is_new = not os.fstat(descriptor).st_size

    def close() -> None:
        if is_new and os.fstat(descriptor).st_size < HEADER.size:
            path.unlink(missing_ok=True)
        os.close(descriptor)

    undo.callback(close)
    return descriptor


def _write(descriptor: int, data: bytes | bytearray | memoryview, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written
