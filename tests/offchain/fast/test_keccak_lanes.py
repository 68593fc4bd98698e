"""Keccak of eight messages at once."""

import numpy as np
import pytest
from numba import njit

from offchain.fast import keccak_lanes, lanes
from offchain.fast.compiled import emitted
from offchain.fast.hash_row import address
from offchain.protocol.keccak import keccak256


@pytest.mark.parametrize("word_count", [0, 1, 4, 12, 16, 17, 18, 33, 34])
def test_keccak256__messages_around_the_block_length__equals_protocol(word_count):
    def emit(builder, source, target):
        message = [lanes.load(builder, lanes.beyond(builder, source, 64 * number)) for number in range(word_count)]
        for number, word in enumerate(keccak_lanes.keccak256(builder, message)):
            lanes.store(builder, word, lanes.beyond(builder, target, 64 * number))

    function = emitted(emit)

    @njit
    def call(source, target):
        function(source, target)

    messages = np.random.default_rng(word_count).integers(0, 1 << 64, (word_count, 8), dtype=np.uint64)
    digests = np.zeros((4, 8), np.uint64)
    call(address(messages), address(digests))
    assert [row.tobytes() for row in digests.T] == [keccak256(row.tobytes()) for row in messages.T]


def test_round_constants__first_and_last__are_those_of_the_standard():
    assert keccak_lanes.ROUND_CONSTANTS[:3] == [0x1, 0x8082, 0x800000000000808A]
    assert keccak_lanes.ROUND_CONSTANTS[-1] == 0x8000000080008008
