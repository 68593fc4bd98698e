"""Sealing and unsealing of many units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.fast import sealing
from offchain.protocol import sealing as protocol
from offchain.protocol.sealing import UNIT_BYTES

MINER = bytes(range(32))
COUNTS = [1, 2, 7, 8, 9, 16, 64, 100]


def random_units(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, count * UNIT_BYTES, np.uint8)


def contexts_of(count):
    """Digests that change within a group of eight."""
    return [bytes([number // 3]) * 32 for number in range(count)]


def expected(source, position):
    """What the protocol makes of it."""
    units = [source[at : at + UNIT_BYTES].tobytes() for at in range(0, source.size, UNIT_BYTES)]
    contexts = contexts_of(len(units))
    return b"".join(
        protocol.seal(unit, MINER, contexts[number], position + 16 * number) for number, unit in enumerate(units)
    )


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("threads", [1, 2])
def test_seal__any_number_of_units__equals_protocol_and_is_undone(count, threads):
    source, sealed, back = random_units(count), bytearray(count * UNIT_BYTES), bytearray(count * UNIT_BYTES)
    sealing.seal(source, sealed, MINER, contexts_of(count), 4096, threads)
    assert sealed == expected(source, 4096)
    sealing.unseal(sealed, back, MINER, contexts_of(count), 4096, threads)
    assert back == source.tobytes()


@given(st.integers(1, 20), st.integers(0, 2**44), st.integers(0, 70), st.integers(0, 70), st.integers(0, 2**32))
def test_seal__any_place_and_alignment__equals_protocol_and_writes_no_further(count, unit, before, after, seed):
    source, room = random_units(count, seed), np.full(count * UNIT_BYTES + 140, 0xAA, np.uint8)
    shifted = np.empty(source.size + 70, np.uint8)[before : before + source.size]
    shifted[:] = source
    target = room[after : after + source.size]
    sealing.seal(shifted, target, MINER, contexts_of(count), 16 * unit)
    assert target.tobytes() == expected(source, 16 * unit)
    assert (room[:after] == 0xAA).all() and (room[after + source.size :] == 0xAA).all()


@pytest.mark.parametrize("count", COUNTS)
def test_seal__over_its_own_source__equals_another_place(count):
    memory = random_units(count)
    wanted = expected(memory, 0)
    sealing.seal(memory, memory, MINER, contexts_of(count), 0)
    assert memory.tobytes() == wanted
    sealing.unseal(memory, memory, MINER, contexts_of(count), 0)
    assert memory.tobytes() == random_units(count).tobytes()


def test_seal__more_than_a_window_on_three_threads__keeps_positions_and_contexts_apart():
    count = 3 * sealing.WINDOW_UNITS + 5
    source, sealed, alone = random_units(count), bytearray(count * UNIT_BYTES), bytearray(count * UNIT_BYTES)
    contexts = [bytes([number % 251]) * 32 for number in range(count)]
    sealing.seal(source, sealed, MINER, contexts, 160, 3)
    sealing.seal(source, alone, MINER, contexts, 160, 1)
    assert sealed == alone
    for number in (0, sealing.WINDOW_UNITS, count - 1):
        start = number * UNIT_BYTES
        unit = source[start : start + UNIT_BYTES].tobytes()
        assert sealed[start : start + UNIT_BYTES] == protocol.seal(unit, MINER, contexts[number], 160 + 16 * number)


def test_seal__no_units__does_nothing():
    sealing.seal(b"", bytearray(), MINER, [], 0)


@pytest.mark.parametrize(
    ("source", "target", "miner", "contexts", "message"),
    [
        (bytes(4095), bytearray(4095), MINER, [MINER], "1 units have 4096 bytes, not 4095"),
        (bytes(4096), bytearray(4096), MINER, [MINER] * 2, "2 units have 8192 bytes, not 4096"),
        (bytes(4096), bytearray(8192), MINER, [MINER], "4096 bytes do not become 8192"),
        (bytes(4096), bytes(4096), MINER, [MINER], "memory that may be written to"),
        (bytes(4096), bytearray(4096), MINER[1:], [MINER], "32 bytes"),
        (bytes(4096), bytearray(4096), MINER, [MINER[1:]], "32 bytes"),
    ],
)
@pytest.mark.parametrize("change", [sealing.seal, sealing.unseal])
def test_seal__lengths_that_do_not_fit__are_refused(change, source, target, miner, contexts, message):
    with pytest.raises(Invalid, match=message):
        change(source, target, miner, contexts, 0)
