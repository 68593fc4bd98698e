"""Pads, loads and qualities for batches of nonces."""

import threading
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.fast.recall import Batch, second_qualities
from offchain.protocol import recall as protocol
from offchain.protocol.keccak import keccak256
from offchain.protocol.recall import LOAD_BYTES, LOAD_SECTORS, RecallRange, Task
from offchain.protocol.shards import Shard
from tests.doubles.mined_flow import PORA, published_flow, published_range
from tests.offchain.protocol.vectors import unhex

LOADS = 17
TASK = Task(b"m" * 32, b"s" * 32, RecallRange.widest(LOADS * LOAD_SECTORS))
EVERYTHING = (1 << 256) - 1
DIGESTS = st.binary(min_size=32, max_size=32)


def nonces_of(count, seed=0):
    return [keccak256(bytes([seed, number])) for number in range(count)]


@cache
def load_of(position):
    return np.random.default_rng(position).bytes(LOAD_BYTES)


def loads_of(positions):
    return [None if position is None else load_of(position) for position in positions]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 16, 20])
def test_recall__any_number_of_nonces__equals_protocol(count):
    batch, nonces = Batch(20), nonces_of(count)
    positions = batch.recall(TASK, nonces)
    expected = [protocol.recall(TASK, nonce) for nonce in nonces]
    assert [batch.recalled(number) for number in range(count)] == expected
    assert list(positions) == [each.position for each in expected]


@given(DIGESTS, DIGESTS, st.integers(1, 1 << 24), st.integers(0, 8), st.integers(0, 255))
def test_recall__any_task__equals_protocol(miner, digest, loads, bits, number):
    shard = Shard(number % (1 << bits), 1 << bits)
    task = Task(miner, digest, RecallRange.widest(loads * LOAD_SECTORS, shard))
    batch, nonces = Batch(3), [digest, miner, bytes(32)]
    batch.recall(task, nonces)
    assert [batch.recalled(at) for at in range(3)] == [protocol.recall(task, nonce) for nonce in nonces]


def test_recall__some_loads_beyond_the_range__are_none_and_not_scanned():
    task = Task(b"m" * 32, b"s" * 32, RecallRange.widest(LOADS * LOAD_SECTORS, Shard(3, 4)))
    batch, nonces = Batch(100), nonces_of(100)
    positions = batch.recall(task, nonces)
    assert list(positions) == [protocol.recall(task, nonce).position for nonce in nonces]
    absent = {nonce for nonce, position in zip(nonces, positions, strict=True) if position is None}
    found = {hit.nonce for hit in batch.scan(loads_of(positions), EVERYTHING)}
    assert absent and found == set(nonces) - absent


@pytest.mark.parametrize("bound", [1 << 256, EVERYTHING, 1 << 252, (1 << 248) + 12345, 0, -1])
@pytest.mark.parametrize("count", [1, 9])
def test_scan__any_bound__equals_protocol(bound, count):
    batch = Batch(count)
    loads = loads_of(batch.recall(TASK, nonces_of(count)))
    expected = [hit for number in range(count) for hit in protocol.scan(batch.recalled(number), loads[number], bound)]
    assert batch.scan(loads, bound) == expected


def test_scan__bound_around_a_quality__takes_it_when_it_is_equal():
    batch = Batch(1)
    loads = loads_of(batch.recall(TASK, nonces_of(1)))
    best = min(batch.scan(loads, EVERYTHING), key=lambda hit: hit.quality)
    value = int.from_bytes(best.quality, "big")
    assert batch.scan(loads, value) == [best]
    assert batch.scan(loads, value - 1) == []


@given(st.integers(0, 70), st.integers(0, 2**32))
def test_scan__any_alignment__equals_protocol(start, seed):
    memory = np.random.default_rng(seed).integers(0, 256, LOAD_BYTES + 70, np.uint8)
    load = memory[start : start + LOAD_BYTES]
    batch = Batch(8)
    batch.recall(TASK, nonces_of(1, seed % 256))
    expected = protocol.scan(batch.recalled(0), load.tobytes(), 1 << 253)
    assert batch.scan([load], 1 << 253) == expected


def test_scan__again_with_other_nonces__forgets_the_former():
    batch, bound = Batch(12), 1 << 251
    for seed, count in ((1, 12), (2, 3), (3, 12)):
        loads = loads_of(batch.recall(TASK, nonces_of(count, seed)))
        fresh = Batch(count)
        fresh.recall(TASK, nonces_of(count, seed))
        assert batch.scan(loads, bound) == fresh.scan(loads, bound)


def test_scan__published_answer__is_found():
    task = Task(unhex(PORA["minerId"]), unhex(PORA["subtaskDigest"]), published_range())
    batch = Batch(1)
    assert batch.recall(task, [unhex(PORA["nonce"])]) == (PORA["loadPosition"],)
    hits = batch.scan([published_flow().load(PORA["loadPosition"])], EVERYTHING)
    assert protocol.Hit(unhex(PORA["nonce"]), PORA["sealOffset"], unhex(PORA["poraOutput"])) in hits


def test_batch__two_threads_with_one_each__do_not_disturb_each_other():
    found, bound = {}, 1 << 250
    threads = [threading.Thread(target=lambda seed=seed: found.update({seed: mined(seed, bound)})) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {seed: mined(seed, bound) for seed in range(4)}


def mined(seed, bound):
    batch, hits = Batch(16), []
    for turn in range(5):
        hits += batch.scan(loads_of(batch.recall(TASK, nonces_of(16, 10 * seed + turn))), bound)
    return hits


@pytest.mark.parametrize(
    ("nonces", "message"),
    [([bytes(32)] * 3, "3 nonces for a batch of 2"), ([bytes(31)], "32 bytes"), ([bytes(32), bytes(33)], "32 bytes")],
)
def test_recall__nonces_that_do_not_fit__are_refused(nonces, message):
    with pytest.raises(Invalid, match=message):
        Batch(2).recall(TASK, nonces)


@pytest.mark.parametrize("loads", [[], [bytes(LOAD_BYTES - 1)], [bytes(LOAD_BYTES)] * 2, [b""]])
def test_scan__loads_that_do_not_fit__are_refused(loads):
    batch = Batch(2)
    batch.recall(TASK, [bytes(32)])
    with pytest.raises(Invalid, match="1 nonces need as many loads of 262144 bytes"):
        batch.scan(loads, 0)


@pytest.mark.parametrize("capacity", [0, -1])
def test_batch__no_room__is_refused(capacity):
    with pytest.raises(Invalid):
        Batch(capacity)


@pytest.mark.parametrize("count", [0, 1, 3, 8, 9, 17])
def test_second_qualities__any_number__equals_protocol(count):
    source = np.random.default_rng(count)
    firsts, units = [source.bytes(32) for _ in range(count)], [source.bytes(4096) for _ in range(count)]
    expected = [protocol.second_quality(first, unit) for first, unit in zip(firsts, units, strict=True)]
    assert second_qualities(firsts, units) == expected


@pytest.mark.parametrize(
    ("firsts", "units"),
    [([bytes(32)], []), ([bytes(32)], [bytes(4095)]), ([bytes(31)], [bytes(4096)]), ([], [bytes(4096)])],
)
def test_second_qualities__lengths_that_do_not_fit__are_refused(firsts, units):
    with pytest.raises(Invalid):
        second_qualities(firsts, units)
