"""Kernels that hash rows of items, eight at a time: sectors into leaves, pairs of hashes into inner nodes.

They take raw addresses of any alignment and check nothing; the caller keeps the memory valid. A row may be written
over the one that it is made from: it is shorter, and each group of eight is read before it is written.
"""

from llvmlite import ir

from offchain.fast.compiled import emitted, kernel
from offchain.fast.keccak_lanes import keccak256
from offchain.fast.lanes import LANES, WORD_BYTES, beyond, gather, lane_addresses, prefetch, scatter
from offchain.protocol.sectors import SECTOR_BYTES

HASH_BYTES = 32
PAIR_BYTES = 2 * HASH_BYTES
FAR_BYTES = 16384  # how far ahead to fetch from memory, which the CPU by itself does not do across pages,
NEAR_BYTES = 4096  # and then from the second-level cache; measured, 7 % of a file root


def _hash_items(builder: ir.IRBuilder, item_bytes: int, source: ir.Value, last: ir.Value, target: ir.Value) -> None:
    """Hash items 0 to min(`last`, 7)."""
    words = gather(builder, lane_addresses(builder, source, item_bytes, last), item_bytes // WORD_BYTES)
    scatter(builder, keccak256(builder, words), lane_addresses(builder, target, HASH_BYTES, last))


@emitted
def _hash_eight_sectors(builder: ir.IRBuilder, source: ir.Value, last: ir.Value, target: ir.Value) -> None:
    for distance, near in ((FAR_BYTES, False), (NEAR_BYTES, True)):
        prefetch(builder, beyond(builder, source, distance), LANES * SECTOR_BYTES, near)
    _hash_items(builder, SECTOR_BYTES, source, last, target)


@emitted
def _hash_eight_pairs(builder: ir.IRBuilder, source: ir.Value, last: ir.Value, target: ir.Value) -> None:
    _hash_items(builder, PAIR_BYTES, source, last, target)


@kernel
def hash_sectors(source: int, count: int, target: int) -> None:
    """Hash `count` sectors of 256 bytes at `source` into as many hashes at `target`."""
    for first in range(0, count, LANES):
        _hash_eight_sectors(source + first * SECTOR_BYTES, count - first - 1, target + first * HASH_BYTES)


@kernel
def hash_pairs(source: int, count: int, target: int) -> None:
    """Hash `count` pairs of hashes, 64 bytes each, at `source` into as many hashes at `target`."""
    for first in range(0, count, LANES):
        _hash_eight_pairs(source + first * PAIR_BYTES, count - first - 1, target + first * HASH_BYTES)
