"""Kernels that seal and unseal rows of units, eight at a time.

They take raw addresses of any alignment and check nothing; the caller keeps the memory valid. A row may be written over
the one that it is made from.
"""

from llvmlite import ir

from offchain.fast.compiled import emitted, kernel
from offchain.fast.keccak_lanes import DIGEST_WORDS, keccak256
from offchain.fast.lanes import LANES, VECTOR_BYTES, WORD_BYTES, gather, lane_addresses, load_row, scatter, store_row
from offchain.protocol.sealing import UNIT_BYTES

HEAD_BYTES = 128  # miner id, context digest, position; filled up to what lanes gather at once
HEAD_WORDS = 12
STEP_BYTES = LANES * WORD_BYTES  # two words of 32 bytes of each unit: what one transposition takes
MASK_BYTES = DIGEST_WORDS * VECTOR_BYTES


@emitted
def _first_masks(builder: ir.IRBuilder, heads: ir.Value, last: ir.Value, mask: ir.Value) -> None:
    words = gather(builder, lane_addresses(builder, heads, HEAD_BYTES, last), HEAD_BYTES // WORD_BYTES)
    store_row(builder, keccak256(builder, words[:HEAD_WORDS]), mask)


def _step(
    builder: ir.IRBuilder, source: ir.Value, last: ir.Value, mask: ir.Value, target: ir.Value, sealing: bool
) -> None:
    """Two words of each of eight units: what was sealed, read or just made, gives the next mask."""
    words = gather(builder, lane_addresses(builder, source, UNIT_BYTES, last), LANES)
    masks, written = load_row(builder, mask, DIGEST_WORDS), []
    for first in range(0, LANES, DIGEST_WORDS):
        read = words[first : first + DIGEST_WORDS]
        made = [builder.xor(word, hidden) for word, hidden in zip(read, masks, strict=True)]
        written += made
        masks = keccak256(builder, made if sealing else read)
    store_row(builder, masks, mask)
    scatter(builder, written, lane_addresses(builder, target, UNIT_BYTES, last))


@emitted
def _seal_step(builder: ir.IRBuilder, source: ir.Value, last: ir.Value, mask: ir.Value, target: ir.Value) -> None:
    _step(builder, source, last, mask, target, sealing=True)


@emitted
def _unseal_step(builder: ir.IRBuilder, source: ir.Value, last: ir.Value, mask: ir.Value, target: ir.Value) -> None:
    _step(builder, source, last, mask, target, sealing=False)


@kernel
def seal_units(source: int, heads: int, count: int, mask: int, target: int) -> None:
    """Seal `count` units at `source` to `target`; `mask` is room for `MASK_BYTES`."""
    for first in range(0, count, LANES):
        last, start = count - first - 1, first * UNIT_BYTES
        _first_masks(heads + first * HEAD_BYTES, last, mask)
        for at in range(start, start + UNIT_BYTES, STEP_BYTES):
            _seal_step(source + at, last, mask, target + at)


@kernel
def unseal_units(source: int, heads: int, count: int, mask: int, target: int) -> None:
    """Undo `seal_units`."""
    for first in range(0, count, LANES):
        last, start = count - first - 1, first * UNIT_BYTES
        _first_masks(heads + first * HEAD_BYTES, last, mask)
        for at in range(start, start + UNIT_BYTES, STEP_BYTES):
            _unseal_step(source + at, last, mask, target + at)
