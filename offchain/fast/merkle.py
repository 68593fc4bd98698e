"""Twins of `offchain.protocol.merkle`: equal results for equal arguments, and rows without an object for each hash.

They work on the calling thread, without the interpreter lock. Data may be any contiguous memory.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from offchain.errors import Invalid, InvalidSegment
from offchain.fast.hash_row import Bytes, Data, HashRow, address, as_bytes
from offchain.fast.keccak import HASH_BYTES
from offchain.fast.merkle_kernels import SCRATCH_BYTES, hash_leaves, hash_level, hash_segments
from offchain.protocol.file_tree import check_segment
from offchain.protocol.sectors import SECTOR_BYTES, SEGMENT_SECTORS, segment_leaf_count


def sector_hashes(data: Data, leaf_count: int) -> HashRow:
    """Hashes of the sectors of `data`, its last one filled with zeros, then empty sectors up to `leaf_count`."""
    source = as_bytes(data)
    _check_fit(source, leaf_count)
    row, spare = _room(leaf_count), np.empty(SECTOR_BYTES, np.uint8)
    hash_leaves(address(source), source.size, leaf_count, address(spare), address(row))
    return HashRow(row)


def levels(hashes: Sequence[bytes]) -> list[HashRow]:
    """All levels of the tree over `hashes`, leaves first, the root alone in the last; Invalid when there are none."""
    rows = [HashRow.of(hashes)]
    if not rows[0]:
        raise Invalid("a tree needs at least one item")
    while (count := len(rows[-1])) > 1:
        above = _room(count - count // 2)
        hash_level(address(rows[-1].array), count, address(above))
        rows.append(HashRow(above))
    return rows


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over `hashes`; Invalid when there are none."""
    return levels(hashes)[-1][0]


def segment_root(data: Data, leaf_count: int) -> bytes:
    """Root of a segment that holds `data` and `leaf_count` sectors, padding included."""
    source = as_bytes(data)
    _check_fit(source, leaf_count)
    if not 0 < leaf_count <= SEGMENT_SECTORS:
        # A tree of more leaves than a segment has is the tree over its segments: both split at powers of two.
        return tree_root(_segment_roots(source, leaf_count))
    hash_segments(address(source), source.size, leaf_count, _scratch.address, _scratch.root_address)
    return _scratch.root.tobytes()


def segment_roots(data: Data, size: int, first: int = 0) -> HashRow:
    """Roots of the consecutive segments that `data` holds, from segment `first` of a file of `size` bytes on.

    InvalidSegment unless they are whole segments of that file; the last sector of `data` is filled with zeros.
    """
    source = as_bytes(data)
    sectors = -(-source.size // SECTOR_BYTES)
    before_last = max(sectors - 1, 0) // SEGMENT_SECTORS
    last = first + before_last
    if first < 0:
        raise InvalidSegment(f"no segment {first} in a file of {size} bytes")
    check_segment(size, last, (sectors - before_last * SEGMENT_SECTORS) * SECTOR_BYTES)
    return _segment_roots(source, before_last * SEGMENT_SECTORS + segment_leaf_count(size, last))


def write_segment_roots(source: Bytes, leaf_count: int, target: Bytes) -> None:
    """Write to `target` the roots of the segments that `leaf_count` sectors make up: those of `source`, then padding.

    Invalid when `target` has not 32 bytes for each segment.
    """
    if target.size < (needed := -(-leaf_count // SEGMENT_SECTORS) * HASH_BYTES):
        raise Invalid(f"{target.size} bytes do not hold roots of {needed} bytes")
    hash_segments(address(source), source.size, leaf_count, _scratch.address, address(target))


def _room(hashes: int) -> Bytes:
    return np.empty(hashes * HASH_BYTES, np.uint8)


class _Scratch(threading.local):
    """Working memory of a thread: taking it anew would cost a small segment more than its hashing."""

    def __init__(self) -> None:
        self.root, self.memory = _room(1), np.empty(SCRATCH_BYTES, np.uint8)
        self.root_address, self.address = address(self.root), address(self.memory)


_scratch = _Scratch()


def _segment_roots(source: Bytes, leaf_count: int) -> HashRow:
    roots = _room(-(-leaf_count // SEGMENT_SECTORS))
    write_segment_roots(source, leaf_count, roots)
    return HashRow(roots)


def _check_fit(source: Bytes, leaf_count: int) -> None:
    count = -(-source.size // SECTOR_BYTES)
    if count > leaf_count:
        raise Invalid(f"{count} sectors do not fit into {leaf_count}")
