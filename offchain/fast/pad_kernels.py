"""The kernel of scratch pads: eight nonces at a time, one in each lane.

It takes raw addresses of any alignment and checks nothing; the caller keeps the memory valid.
"""

from __future__ import annotations

from llvmlite import ir

from offchain.fast.blake2b_lanes import (
    BLOCK_BYTES,
    BLOCK_WORDS,
    MESSAGE_BYTES,
    STATE_BYTES,
    STATE_WORDS,
    compress,
    initial_state,
)
from offchain.fast.compiled import emitted, kernel
from offchain.fast.keccak import HASH_BYTES
from offchain.fast.keccak_lanes import DIGEST_WORDS, keccak256
from offchain.fast.lanes import LANES, WORD, beyond, gather, lane_addresses, load_row, scatter, store_row
from offchain.protocol.recall import PAD_BYTES, PAD_STEPS, SEED_BYTES

SCRATCH_BYTES = STATE_BYTES + MESSAGE_BYTES
HEAD_BYTES = BLOCK_BYTES
"""Miner id, nonce, digest of the subtask and of the range: what a seed is the hash of."""


@emitted
def _begin_pads(builder: ir.IRBuilder, scratch: ir.Value, heads: ir.Value, last: ir.Value, seeds: ir.Value) -> None:
    """The hash of one block for each of eight pads: its seed, and the state that the pad grows from."""
    messages = beyond(builder, scratch, STATE_BYTES)
    store_row(builder, initial_state(), scratch)
    store_row(builder, gather(builder, lane_addresses(builder, heads, HEAD_BYTES, last), BLOCK_WORDS), messages)
    compress(builder, 1, scratch, messages, ir.Constant(WORD, HEAD_BYTES), ir.Constant(WORD, -1))
    scatter(builder, load_row(builder, scratch, STATE_WORDS), lane_addresses(builder, seeds, SEED_BYTES, last))


@emitted
def _grow_pads(builder: ir.IRBuilder, scratch: ir.Value, last: ir.Value, pads: ir.Value) -> None:
    """The next 64 bytes of eight pads."""
    state = load_row(builder, scratch, STATE_WORDS)
    left = keccak256(builder, state)
    state = left + keccak256(builder, left + state[DIGEST_WORDS:])
    store_row(builder, state, scratch)
    scatter(builder, state, lane_addresses(builder, pads, PAD_BYTES, last))


@emitted
def _end_pads(builder: ir.IRBuilder, scratch: ir.Value, last: ir.Value, recall_seeds: ir.Value) -> None:
    seed = keccak256(builder, load_row(builder, scratch, STATE_WORDS))
    scatter(builder, seed, lane_addresses(builder, recall_seeds, HASH_BYTES, last))


@kernel
def make_pads(heads: int, count: int, scratch: int, seeds: int, pads: int, recall_seeds: int) -> None:
    """Write `count` seeds of 64 bytes, pads of 16 KiB and seeds of loads, 32 bytes each.

    `heads` holds what each seed is the hash of, `scratch` is room for `SCRATCH_BYTES`.
    """
    for first in range(0, count, LANES):
        last, into = count - first - 1, pads + first * PAD_BYTES
        _begin_pads(scratch, heads + first * HEAD_BYTES, last, seeds + first * SEED_BYTES)
        for step in range(PAD_STEPS):
            _grow_pads(scratch, last, into + step * SEED_BYTES)
        _end_pads(scratch, last, recall_seeds + first * HASH_BYTES)
