"""Kernels that build Merkle trees over sectors: leaves, levels, and whole segments in one call.

They take raw addresses and check nothing, see `keccak`.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

from offchain.fast.compiled import emitted, kernel
from offchain.fast.keccak import HASH_BYTES, hash_pairs, hash_sectors
from offchain.protocol.sectors import SECTOR_BYTES, SEGMENT_BYTES, SEGMENT_SECTORS

SCRATCH_BYTES = SECTOR_BYTES + SEGMENT_SECTORS * HASH_BYTES


@emitted
def _copy(builder: ir.IRBuilder, source: ir.Value, count: ir.Value, target: ir.Value) -> None:
    byte_pointer = ir.IntType(8).as_pointer()
    source, target = builder.inttoptr(source, byte_pointer), builder.inttoptr(target, byte_pointer)
    cgutils.raw_memcpy(builder, target, source, count, 1)


@emitted
def _clear(builder: ir.IRBuilder, target: ir.Value, count: ir.Value) -> None:
    cgutils.memset(builder, builder.inttoptr(target, ir.IntType(8).as_pointer()), count, 0)


@kernel
def hash_leaves(data: int, length: int, leaf_count: int, spare: int, target: int) -> None:
    """Write `leaf_count` hashes to `target`: of the sectors of `length` bytes at `data`, then of empty sectors.

    `spare` is room for a sector: the last one of the data is completed there.
    """
    count = length // SECTOR_BYTES
    rest = length - count * SECTOR_BYTES
    hash_sectors(data, count, target)
    if rest > 0:
        _clear(spare, SECTOR_BYTES)
        _copy(data + count * SECTOR_BYTES, rest, spare)
        hash_sectors(spare, 1, target + count * HASH_BYTES)
        count += 1
    if count < leaf_count:
        _clear(spare, SECTOR_BYTES)
        empty = target + count * HASH_BYTES
        hash_sectors(spare, 1, empty)
        for at in range(count + 1, leaf_count):
            _copy(empty, HASH_BYTES, target + at * HASH_BYTES)


@kernel
def hash_level(row: int, count: int, target: int) -> None:
    """Write the level above a row of `count` hashes, at least 2, to `target`, which may be `row` itself."""
    pairs = count // 2
    hash_pairs(row, pairs, target)
    if count > 2 * pairs:
        _copy(row + 2 * pairs * HASH_BYTES, HASH_BYTES, target + pairs * HASH_BYTES)


@kernel
def hash_segments(data: int, length: int, leaf_count: int, scratch: int, target: int) -> None:
    """Write to `target` the root of each 1,024 of `leaf_count` leaves, which are made as `hash_leaves` makes them.

    `scratch` is room for `SCRATCH_BYTES`: one segment at a time, small enough for the nearest caches.
    """
    spare, nodes = scratch, scratch + SECTOR_BYTES
    while leaf_count > 0:
        count = min(leaf_count, SEGMENT_SECTORS)
        hash_leaves(data, min(length, SEGMENT_BYTES), count, spare, nodes)
        leaf_count -= count
        while count > 1:
            hash_level(nodes, count, nodes)
            count -= count // 2
        _copy(nodes, HASH_BYTES, target)
        data, length, target = data + SEGMENT_BYTES, max(length - SEGMENT_BYTES, 0), target + HASH_BYTES
