"""Vectors of eight words: each function against the same in plain Python."""

import numpy as np
import pytest
from llvmlite import ir
from numba import njit

from offchain.fast import lanes
from offchain.fast.compiled import emitted
from offchain.fast.hash_row import address

SQUARE = np.arange(64, dtype=np.uint64).reshape(8, 8)


def run(emit, source, target):
    """Call what `emit` writes with the addresses of two arrays."""
    function = emitted(emit)

    @njit
    def call(source, target):
        function(source, target)

    call(address(source), address(target))
    return target


def test_transpose__square_of_words__gives_its_columns():
    def emit(builder, source, target):
        rows = [lanes.load(builder, lanes.beyond(builder, source, 64 * row)) for row in range(8)]
        for number, column in enumerate(lanes.transpose(builder, rows)):
            lanes.store(builder, column, lanes.beyond(builder, target, 64 * number))

    assert (run(emit, SQUARE, np.zeros_like(SQUARE)) == SQUARE.T).all()


@pytest.mark.parametrize("bits", [0, 1, 20, 63])
def test_rotate_left__any_bits__equals_rotation_of_each_word(bits):
    def emit(builder, source, target):
        lanes.store(builder, lanes.rotate_left(builder, lanes.load(builder, source), bits), target)

    words = np.random.default_rng(bits).integers(0, 1 << 64, 8, dtype=np.uint64)
    expected = [(int(word) << bits | int(word) >> (64 - bits)) % (1 << 64) for word in words]
    assert run(emit, words, np.zeros(8, np.uint64)).tolist() == expected


def test_splat_and_broadcast__one_word__fill_every_lane():
    def emit(builder, source, target):
        lanes.store(builder, lanes.splat((1 << 64) - 2), target)
        word = builder.load(builder.inttoptr(source, lanes.WORD.as_pointer()))
        lanes.store(builder, lanes.broadcast(builder, word), lanes.beyond(builder, target, 64))

    filled = run(emit, np.array([7], np.uint64), np.zeros((2, 8), np.uint64))
    assert filled.tolist() == [[(1 << 64) - 2] * 8, [7] * 8]


@pytest.mark.parametrize("last", [0, 3, 7, 100])
def test_gather_and_scatter__row_that_ends_early__repeat_its_last_item(last):
    def emit(builder, source, target):
        addresses = lanes.lane_addresses(builder, source, 64, ir.Constant(lanes.WORD, last))
        places = lanes.lane_addresses(builder, target, 24, ir.Constant(lanes.WORD, 7))
        lanes.scatter(builder, lanes.gather(builder, addresses, 8)[:3], places)

    copied = run(emit, SQUARE, np.zeros((9, 3), np.uint64))
    assert (copied[:8] == SQUARE[np.minimum(np.arange(8), last), :3]).all()
    assert not copied[8].any()


def test_load_and_store__odd_addresses__move_the_same_bytes():
    def emit(builder, source, target):
        lanes.store(builder, lanes.load(builder, lanes.beyond(builder, source, 3)), lanes.beyond(builder, target, 5))

    moved = run(emit, np.arange(80, dtype=np.uint8), np.zeros(80, np.uint8))
    assert moved.tolist() == [0] * 5 + list(range(3, 67)) + [0] * 11


@pytest.mark.parametrize("near", [False, True])
def test_prefetch__address_that_is_not_mapped__does_nothing(near):
    def emit(builder, source, target):
        lanes.prefetch(builder, ir.Constant(lanes.WORD, 64), 256, near)
        lanes.store(builder, lanes.load(builder, source), target)

    assert run(emit, SQUARE[0].copy(), np.zeros(8, np.uint64)).tolist() == list(range(8))
