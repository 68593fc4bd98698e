"""BLAKE2b of eight messages at once, in one and more groups."""

import hashlib

import numpy as np
import pytest
from numba import njit

from offchain.fast import blake2b_lanes, lanes
from offchain.fast.compiled import emitted
from offchain.fast.hash_row import address, aligned


class Compression:
    """A compiled function that hashes messages of whole blocks in `groups` of eight lanes."""

    def __init__(self, groups):
        @emitted
        def begin(builder, states):
            for number, vector in enumerate(blake2b_lanes.initial_state() * groups):
                lanes.store(builder, vector, lanes.beyond(builder, states, number * lanes.VECTOR_BYTES))

        @emitted
        def compress(builder, states, messages, length, last):
            blake2b_lanes.compress(builder, groups, states, messages, length, last)

        @njit
        def run(states, messages, blocks, length):
            begin(states)
            for block in range(1, blocks + 1):
                compress(states, messages, length if block == blocks else 128 * block, -1 if block == blocks else 0)

        self._groups, self._run = groups, run

    def __call__(self, rows, length):
        """Digests of rows of 128 bytes, each repeated up to `length` bytes."""
        messages, states = aligned(self._groups * 1024), aligned(self._groups * 512)
        words = rows.view(np.uint64).reshape(self._groups, 8, 16).transpose(0, 2, 1)
        messages.view(np.uint64)[:] = words.ravel()
        self._run(address(states), address(messages), max(-(-length // 128), 1), length)
        return states.view(np.uint64).reshape(self._groups, 8, 8).transpose(0, 2, 1).reshape(-1, 8)


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_compress__messages_in_several_groups__equal_the_standard_library(groups):
    compression = Compression(groups)
    for length in (0, 1, 64, 127, 128, 256, 384):
        rows = np.random.default_rng(length).integers(0, 256, (8 * groups, 128), np.uint8)
        rows[:, length:] = 0
        expected = [hashlib.blake2b((3 * row.tobytes())[:length]).digest() for row in rows]
        assert [state.tobytes() for state in compression(rows, length)] == expected


def test_initial__words__are_those_of_the_standard():
    assert blake2b_lanes.INITIAL[0] == 0x6A09E667F3BCC908
    assert blake2b_lanes.INITIAL[-1] == 0x5BE0CD19137E2179
