"""Twins of `offchain.protocol.file_tree.build`: the tree of a file in memory or on disk, hashed on all cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np

from offchain.errors import Invalid
from offchain.fast.hash_row import Bytes, Data, HashRow, as_bytes
from offchain.fast.keccak import HASH_BYTES
from offchain.fast.merkle import levels, sector_hashes, write_segment_roots
from offchain.fast.threads import core_count, spread
from offchain.protocol.file_tree import FileTree, tail_length
from offchain.protocol.sectors import SEGMENT_BYTES, SEGMENT_SECTORS, padded_sector_count, padded_segment_count

WINDOW_SEGMENTS = 4  # what a thread takes at a time: it stays in the second-level cache between reading and hashing
WINDOW_BYTES = WINDOW_SEGMENTS * SEGMENT_BYTES

Read = Callable[[int, int], Bytes]
Progress = Callable[[int], None]
File = str | os.PathLike[str] | int


def _ignore(_done: int) -> None:
    """Nobody wants to know."""


def build(data: Data, threads: int | None = None) -> FileTree:
    """The tree of `data`, hashed by `threads` threads, one for each core if not given; Invalid when it is empty."""
    source = as_bytes(data)
    return _build(source.size, lambda start, length: source[start : start + length], threads, _ignore)


def build_file(
    file: File, size: int | None = None, threads: int | None = None, on_progress: Progress | None = None
) -> FileTree:
    """The tree of the first `size` bytes, or all, of `file`: a path or an open descriptor, whose position stays.

    Takes 1 MiB for each of its `threads`, one for each core if not given, and 64 bytes for each segment. `on_progress`
    is told the bytes done so far, now and then and at the end, on the calling thread. Invalid when the file is empty,
    has less than `size` bytes or changes its size while it is read; OSError when it cannot be read.
    """
    with open(file, "rb", buffering=0, closefd=not isinstance(file, int)) as stream:
        descriptor = stream.fileno()
        before = os.fstat(descriptor).st_size
        if size is not None and size > before:
            raise Invalid(f"{file} has {before} bytes, not {size}")
        tree = _build(before if size is None else size, _Reader(descriptor, file).read, threads, on_progress or _ignore)
        if (now := os.fstat(descriptor).st_size) != before:
            raise Invalid(f"{file} changed its size from {before} to {now} bytes while it was read")
        return tree


def _build(size: int, read: Read, threads: int | None, on_progress: Progress) -> FileTree:
    sectors, segments = padded_sector_count(size), padded_segment_count(size)
    roots = np.empty(segments * HASH_BYTES, np.uint8)
    done, lock = 0, threading.Lock()

    def hash_window(first: int) -> None:
        nonlocal done
        start = first * SEGMENT_BYTES
        data = read(start, max(min(size - start, WINDOW_BYTES), 0))
        leaf_count = min(sectors - first * SEGMENT_SECTORS, WINDOW_SEGMENTS * SEGMENT_SECTORS)
        write_segment_roots(data, leaf_count, roots[first * HASH_BYTES :])
        with lock:
            done += data.size

    windows = range(0, segments, WINDOW_SEGMENTS)
    spread(hash_window, windows, min(threads or core_count(), len(windows)), lambda: on_progress(done))
    on_progress(size)
    return FileTree(size, levels(HashRow(roots)), _tail(size, read))


def _tail(size: int, read: Read) -> HashRow | tuple[()]:
    if not (length := tail_length(size)):
        return ()
    start = (padded_segment_count(size) - 1) * SEGMENT_BYTES
    return sector_hashes(read(start, max(size - start, 0)), length)


class _Reader(threading.local):
    """Reads parts of a file into a buffer of each thread, where they last until that thread's next read.

    Not through a memory map: the system kills a process that touches a page of it beyond the end of a cut file.
    """

    def __init__(self, descriptor: int, name: File) -> None:
        self._descriptor, self._name = descriptor, name
        self._buffer = np.empty(WINDOW_BYTES, np.uint8)

    def read(self, start: int, length: int) -> Bytes:
        """`length` bytes from `start` on; Invalid when the file ends before."""
        wanted, done = self._buffer[:length], 0
        while done < length:
            count = os.preadv(self._descriptor, [wanted[done:].data], start + done)
            if count == 0:
                raise Invalid(f"{self._name} was cut to {start + done} bytes or fewer while it was read")
            done += count
        return wanted
