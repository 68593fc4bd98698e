"""BLAKE2b compression of eight messages at once, one in each lane, in several groups side by side (RFC 7693)."""

from collections.abc import Sequence
from math import isqrt

from llvmlite import ir

from offchain.fast.compiled import has_feature
from offchain.fast.lanes import (
    VECTOR_BYTES,
    WORD,
    WORD_BITS,
    beyond,
    broadcast,
    load,
    load_row,
    rotate_left,
    separate,
    splat,
    store_row,
)

STATE_WORDS = 8
BLOCK_WORDS = 16
BLOCK_BYTES = 128
STATE_BYTES = STATE_WORDS * VECTOR_BYTES
MESSAGE_BYTES = BLOCK_WORDS * VECTOR_BYTES
AT_ONCE = 2 if has_feature("avx512f") else 1  # groups: two hide each other's delays where the registers suffice
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)
INITIAL = [isqrt(prime << 2 * WORD_BITS) % (1 << WORD_BITS) for prime in PRIMES]
PARAMETERS = 0x01010040  # a digest of 64 bytes, no key, no tree
ORDERS = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
"""Which word of the message each step of a round adds; rounds 10 and 11 begin again."""

ROUNDS = 12
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def initial_state() -> list[ir.Constant]:
    """The vectors of the state before the first block."""
    return [splat(INITIAL[0] ^ PARAMETERS), *map(splat, INITIAL[1:])]


def compress(
    builder: ir.IRBuilder, groups: int, states: ir.Value, messages: ir.Value, length: ir.Value, last: ir.Value
) -> None:
    """Take one block of each message into its state.

    At `states` lie the 8 vectors of each group of eight lanes, at `messages` its 16; `length` counts the bytes of a
    message up to the end of this block, `last` is -1 for the last one and else 0.
    """
    for first in range(0, groups, AT_ONCE):
        state, message = beyond(builder, states, first * STATE_BYTES), beyond(builder, messages, first * MESSAGE_BYTES)
        function = _compression(builder.module, min(groups - first, AT_ONCE))
        builder.call(function, [state, message, length, last])


def _compression(module: ir.Module, groups: int) -> ir.Function:
    """One function for each number of groups."""

    def emit(builder: ir.IRBuilder, arguments: Sequence[ir.Value]) -> None:
        states, messages, length, last = arguments
        before = [load_row(builder, beyond(builder, states, at * STATE_BYTES), STATE_WORDS) for at in range(groups)]
        work = [_extended(builder, state, length, last) for state in before]
        for number in range(ROUNDS):
            _round(builder, work, messages, ORDERS[number % len(ORDERS)])
        _forget(builder)
        for group, vectors in enumerate(work):
            _fold(builder, beyond(builder, states, group * STATE_BYTES), vectors)
        builder.ret_void()

    return separate(module, f"zg.blake2b.{groups}", ir.FunctionType(ir.VoidType(), [WORD] * 4), emit)


def _extended(builder: ir.IRBuilder, state: list[ir.Value], length: ir.Value, last: ir.Value) -> list[ir.Value]:
    vectors = [*state, *map(splat, INITIAL)]
    vectors[12] = builder.xor(vectors[12], broadcast(builder, length))
    vectors[14] = builder.xor(vectors[14], broadcast(builder, last))
    return vectors


def _round(builder: ir.IRBuilder, work: list[list[ir.Value]], messages: ir.Value, order: Sequence[int]) -> None:
    for first, places in ((0, COLUMNS), (8, DIAGONALS)):
        for half, turns in ((0, (32, 24)), (1, (16, 63))):
            _forget(builder)
            words = [order[first + 2 * number + half] for number in range(len(places))]
            _mix(builder, work, messages, list(zip(places, words, strict=True)), turns)


def _mix(
    builder: ir.IRBuilder,
    work: list[list[ir.Value]],
    messages: ir.Value,
    steps: Sequence[tuple[tuple[int, int, int, int], int]],
    turns: tuple[int, int],
) -> None:
    """Half of the mixing function G in all places of all groups, one instruction at a time: none waits for another."""
    each = [(group, vectors, place, word) for place, word in steps for group, vectors in enumerate(work)]
    for group, vectors, (a, b, _, _), word in each:
        added = load(builder, beyond(builder, messages, group * MESSAGE_BYTES + word * VECTOR_BYTES))
        vectors[a] = builder.add(builder.add(vectors[a], added), vectors[b])
    for _, vectors, (a, _, _, d), _ in each:
        vectors[d] = _rotate_right(builder, builder.xor(vectors[d], vectors[a]), turns[0])
    for _, vectors, (_, _, c, d), _ in each:
        vectors[c] = builder.add(vectors[c], vectors[d])
    for _, vectors, (_, b, c, _), _ in each:
        vectors[b] = _rotate_right(builder, builder.xor(vectors[b], vectors[c]), turns[1])


def _fold(builder: ir.IRBuilder, address: ir.Value, vectors: list[ir.Value]) -> None:
    before = load_row(builder, address, STATE_WORDS)
    halves = zip(before, vectors[:STATE_WORDS], vectors[STATE_WORDS:], strict=True)
    store_row(builder, [builder.xor(word, builder.xor(upper, lower)) for word, upper, lower in halves], address)


def _rotate_right(builder: ir.IRBuilder, vector: ir.Value, bits: int) -> ir.Value:
    return rotate_left(builder, vector, WORD_BITS - bits)


def _forget(builder: ir.IRBuilder) -> None:
    """Let LLVM believe that memory changes here, so that it reads words again, and does not keep and spill them."""
    builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], side_effect=True)
