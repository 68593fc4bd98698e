"""Kernels of qualities: of all units of a load at once, and of the units that a second hop leads to.

They take raw addresses of any alignment and check nothing; the caller keeps the memory valid.
"""

from __future__ import annotations

from llvmlite import ir

from offchain.fast.blake2b_lanes import BLOCK_BYTES, BLOCK_WORDS, MESSAGE_BYTES, STATE_BYTES, compress, initial_state
from offchain.fast.compiled import emitted, kernel
from offchain.fast.keccak import HASH_BYTES
from offchain.fast.keccak_lanes import DIGEST_WORDS, RATE_WORDS, STATE_WORDS, permute
from offchain.fast.lanes import (
    LANES,
    VECTOR,
    VECTOR_BYTES,
    WORD,
    WORD_BYTES,
    beyond,
    broadcast,
    gather,
    lane_addresses,
    load,
    load_row,
    prefetch,
    scatter,
    splat,
    store_row,
    transpose,
)
from offchain.protocol.recall import LOAD_UNITS, PAD_UNITS, SEED_BYTES
from offchain.protocol.sealing import UNIT_BYTES

GROUPS = LOAD_UNITS // PAD_UNITS // LANES  # of eight units that share a quarter of the pad, hashed side by side
SCRATCH_BYTES = GROUPS * (STATE_BYTES + MESSAGE_BYTES)
JOB_LOAD, JOB_PAD, JOB_SEED, JOB_QUALITIES = range(4)
JOB_BYTES = 4 * WORD_BYTES
UNIT_STRIDE = PAD_UNITS * UNIT_BYTES  # between units that share a quarter
GROUP_STRIDE = LANES * UNIT_STRIDE
RATE_BYTES = RATE_WORDS * WORD_BYTES
ROW_BLOCKS = (HASH_BYTES + UNIT_BYTES) // RATE_BYTES + 1
GATHERED_WORDS = 3 * LANES  # enough for a block of 17
ROW_BYTES = ROW_BLOCKS * RATE_BYTES + (GATHERED_WORDS - RATE_WORDS) * WORD_BYTES
AHEAD_BYTES = 512  # how far to fetch ahead in each unit; 16 units at a time are more than the CPU follows by itself


def _number(value: int) -> ir.Constant:
    return ir.Constant(WORD, value)


def _lanes(base: ir.Value, stride: int, builder: ir.IRBuilder) -> list[ir.Value]:
    return [beyond(builder, base, lane * stride) for lane in range(LANES)]


def _job_address(builder: ir.IRBuilder, job: ir.Value, number: int) -> ir.Value:
    return builder.load(builder.inttoptr(beyond(builder, job, number * WORD_BYTES), WORD.as_pointer()))


@emitted
def _begin_quarter(builder: ir.IRBuilder, scratch: ir.Value, job: ir.Value, quarter: ir.Value) -> None:
    """The block before the data: number of the unit, seed, zeros."""
    seed = _job_address(builder, job, JOB_SEED)
    words = gather(builder, [seed] * LANES, SEED_BYTES // WORD_BYTES)
    messages = beyond(builder, scratch, GROUPS * STATE_BYTES)
    for group in range(GROUPS):
        numbers = ir.Constant(VECTOR, [PAD_UNITS * (lane + group * LANES) for lane in range(LANES)])
        number = builder.shl(builder.add(broadcast(builder, quarter), numbers), splat(56))  # big-endian, below 256
        zero = splat(0)
        block = [zero, zero, zero, number, *words, zero, zero, zero, zero]
        store_row(builder, initial_state(), beyond(builder, scratch, group * STATE_BYTES))
        store_row(builder, block, beyond(builder, messages, group * MESSAGE_BYTES))
    compress(builder, GROUPS, scratch, messages, _number(BLOCK_BYTES), _number(0))


@emitted
def _absorb(
    builder: ir.IRBuilder, scratch: ir.Value, job: ir.Value, offset: ir.Value, length: ir.Value, last: ir.Value
) -> None:
    """Mix the next 128 bytes of sixteen units, `offset` into the load, with the pad that they share, and hash them."""
    source = builder.add(_job_address(builder, job, JOB_LOAD), offset)
    pad = builder.add(_job_address(builder, job, JOB_PAD), offset)
    messages = beyond(builder, scratch, GROUPS * STATE_BYTES)
    for group in range(GROUPS):
        rows = _lanes(beyond(builder, source, group * GROUP_STRIDE), UNIT_STRIDE, builder)
        message = beyond(builder, messages, group * MESSAGE_BYTES)
        for half in range(BLOCK_WORDS // LANES):
            mask = load(builder, beyond(builder, pad, half * VECTOR_BYTES))
            mixed = []
            for row in rows:
                at = beyond(builder, row, half * VECTOR_BYTES)
                prefetch(builder, beyond(builder, at, AHEAD_BYTES), 1, near=False)
                mixed.append(builder.xor(load(builder, at), mask))
            store_row(builder, transpose(builder, mixed), beyond(builder, message, half * LANES * VECTOR_BYTES))
    compress(builder, GROUPS, scratch, messages, length, last)


@emitted
def _end_quarter(builder: ir.IRBuilder, scratch: ir.Value, job: ir.Value, quarter: ir.Value) -> None:
    target = builder.add(_job_address(builder, job, JOB_QUALITIES), builder.mul(quarter, _number(HASH_BYTES)))
    for group in range(GROUPS):
        state = beyond(builder, scratch, group * STATE_BYTES)
        words = load_row(builder, state, DIGEST_WORDS)
        first = beyond(builder, target, group * LANES * PAD_UNITS * HASH_BYTES)
        scatter(builder, words, _lanes(first, PAD_UNITS * HASH_BYTES, builder))


@kernel
def hash_loads(jobs: int, count: int, scratch: int) -> None:
    """Write the qualities of the 64 sealed units of each load, 32 bytes each.

    `jobs` holds four addresses for each load: the load, its pad, its seed, and where the qualities go.
    """
    for job in range(jobs, jobs + count * JOB_BYTES, JOB_BYTES):
        for quarter in range(PAD_UNITS):
            _begin_quarter(scratch, job, quarter)
            for at in range(0, UNIT_BYTES, BLOCK_BYTES):
                end = at + BLOCK_BYTES
                _absorb(scratch, job, quarter * UNIT_BYTES + at, BLOCK_BYTES + end, -1 if end == UNIT_BYTES else 0)
            _end_quarter(scratch, job, quarter)


@emitted
def _clear_state(builder: ir.IRBuilder, scratch: ir.Value) -> None:
    store_row(builder, [splat(0)] * STATE_WORDS, scratch)


@emitted
def _absorb_rows(builder: ir.IRBuilder, scratch: ir.Value, rows: ir.Value, last: ir.Value) -> None:
    """The next 136 bytes of each of eight rows."""
    state = load_row(builder, scratch, STATE_WORDS)
    block = gather(builder, lane_addresses(builder, rows, ROW_BYTES, last), GATHERED_WORDS)[:RATE_WORDS]
    absorbed = [builder.xor(word, added) for word, added in zip(state, block, strict=False)]
    store_row(builder, permute(builder, absorbed + state[RATE_WORDS:]), scratch)


@emitted
def _end_rows(builder: ir.IRBuilder, scratch: ir.Value, last: ir.Value, target: ir.Value) -> None:
    scatter(builder, load_row(builder, scratch, DIGEST_WORDS), lane_addresses(builder, target, HASH_BYTES, last))


@kernel
def hash_rows(rows: int, count: int, scratch: int, target: int) -> None:
    """Write keccak of `count` padded messages to `target`; each row is 31 blocks of 136 bytes, and room to read on."""
    for first in range(0, count, LANES):
        _clear_state(scratch)
        row, last = rows + first * ROW_BYTES, count - first - 1
        for block in range(ROW_BLOCKS):
            _absorb_rows(scratch, row + block * RATE_BYTES, last)
        _end_rows(scratch, last, target + first * HASH_BYTES)
