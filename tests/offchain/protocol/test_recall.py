import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol import recall
from offchain.protocol.keccak import keccak256
from offchain.protocol.recall import ALL, LOAD_SECTORS, MAX_RANGE, RecallRange, Task
from offchain.protocol.shards import Shard
from tests.doubles.mined_flow import PORA, published_flow, published_range
from tests.offchain.protocol.vectors import unhex

TASK = Task(unhex(PORA["minerId"]), unhex(PORA["subtaskDigest"]), published_range())
SEEDS = st.binary(min_size=32, max_size=32)
SHARDS = st.integers(0, 8).flatmap(lambda bits: st.integers(0, (1 << bits) - 1).map(lambda id: Shard(id, 1 << bits)))


def test_recall__published_nonce__gives_the_published_pad_and_load():
    found = recall.recall(TASK, unhex(PORA["nonce"]))
    assert TASK.range.digest == unhex(PORA["rangeDigest"])
    assert found.seed == unhex(PORA["padSeed"])
    assert (found.pad[:64], found.pad[-64:]) == (unhex(PORA["scratchPadFirst64"]), unhex(PORA["scratchPadLast64"]))
    assert len(found.pad) == recall.PAD_BYTES
    assert recall.scratch_pad(found.seed)[1] == unhex(PORA["recallSeed"])
    assert found.position == PORA["loadPosition"]


def test_scan__published_load__finds_the_published_quality_where_it_is():
    found = recall.recall(TASK, unhex(PORA["nonce"]))
    load, output = published_flow().load(PORA["loadPosition"]), unhex(PORA["poraOutput"])
    bound = int.from_bytes(output, "big")
    hits = recall.scan(found, load, bound)
    assert recall.Hit(found.nonce, PORA["sealOffset"], output) in hits
    assert [hit for hit in recall.scan(found, load, bound - 1)] == [hit for hit in hits if hit.quality != output]
    assert len(recall.scan(found, load, (1 << 256) - 1)) == 64


@pytest.mark.parametrize("lengths", [(31, 32), (32, 33), (31, 33)])
def test_task__digest_of_another_length__is_refused(lengths):
    with pytest.raises(Invalid, match="32 bytes"):
        Task(bytes(lengths[0]), bytes(lengths[1]), TASK.range)


@pytest.mark.parametrize("size", [0, recall.LOAD_BYTES - 1, recall.LOAD_BYTES + 1])
def test_scan__not_a_load__is_refused(size):
    with pytest.raises(Invalid, match="a load has 262144 bytes"):
        recall.scan(recall.Recall(bytes(32), bytes(64), bytes(recall.PAD_BYTES), 0), bytes(size), 0)


def test_quality__message__is_number_seed_zeros_and_mixed_data():
    pad, sealed = bytes(range(256)) * 64, keccak256(b"sealed") * 128
    mixed = bytes(left ^ right for left, right in zip(sealed, pad[:4096], strict=True))
    expected = hashlib.blake2b(bytes(31) + b"\x04" + b"s" * 64 + bytes(32) + mixed).digest()[:32]
    assert recall.quality(4, b"s" * 64, recall.mix(sealed, pad, 4)) == expected


@pytest.mark.parametrize("unit", range(8))
def test_mix__units__take_the_quarters_of_the_pad_in_turn(unit):
    pad = b"".join(bytes([quarter]) * 4096 for quarter in range(4))
    assert recall.mix(bytes(4096), pad, unit) == bytes([unit % 4]) * 4096


@given(SEEDS, SHARDS, st.integers(1, 5000))
def test_load_number__any_seed__is_one_that_the_shard_owns(seed, shard, loads):
    chosen = RecallRange.widest(loads * LOAD_SECTORS + 7, shard)
    number = chosen.load_number(seed)
    assert shard.owns(number)
    assert number <= (loads - 1) | (shard.count - 1)
    position = chosen.load_position(seed)
    assert position == (number * LOAD_SECTORS if number <= loads else None)


def test_load_number__many_seeds__reach_every_load_equally_often():
    chosen, counts = RecallRange.widest(7 * LOAD_SECTORS, Shard()), [0] * 7
    for number in range(7000):
        counts[chosen.load_number(keccak256(number.to_bytes(4, "big")))] += 1
    assert all(850 < count < 1150 for count in counts)


@given(SEEDS, st.integers(1, 300))
def test_second_position__any_quality__is_a_unit_within_the_range(first_quality, loads):
    chosen = RecallRange.widest(loads * LOAD_SECTORS)
    position = chosen.second_position(first_quality)
    assert position % 16 == 0 and 0 <= position < loads * LOAD_SECTORS
    seed = keccak256(first_quality)
    assert position == chosen.load_position(seed) + int.from_bytes(seed, "big") // (1 << 250) * 16


def test_second_position__number_of_loads_is_a_power_of_two__still_reaches_every_unit():
    chosen = RecallRange.widest(64 * LOAD_SECTORS)
    found = {chosen.second_position(keccak256(number.to_bytes(4, "big"))) for number in range(40_000)}
    assert len(found) == 64 * 64


def test_second_position__beyond_the_range__is_none():
    chosen = RecallRange(0, LOAD_SECTORS, 2, ALL - 3)
    assert chosen.second_position(bytes(32)) is None


@pytest.mark.parametrize(
    ("length", "shard", "expected"),
    [
        (17_920, Shard(), RecallRange(0, 17_408, 0, ALL)),
        (17_920, Shard(3, 4), RecallRange(0, 17_408, 3, ALL - 3)),
        (3 * MAX_RANGE, Shard(), RecallRange(0, MAX_RANGE, 0, ALL)),
        (3 * MAX_RANGE, Shard(1, 2), RecallRange(0, 2 * MAX_RANGE, 1, ALL - 1)),
        (MAX_RANGE + 5000, Shard(1, 2), RecallRange(0, MAX_RANGE + 4096, 1, ALL - 1)),
    ],
)
def test_widest__flow_and_shard__is_the_range_that_contracts_accept(length, shard, expected):
    assert RecallRange.widest(length, shard) == expected
    assert RecallRange.widest(length, shard, 2048).start == 2048


@pytest.mark.parametrize(("mask", "shards"), [(ALL, 1), (ALL - 1, 2), (ALL - 255, 256), (ALL >> 2, 4), (0, 1 << 64)])
def test_shards__mask__counts_its_zeros(mask, shards):
    assert RecallRange(0, 1024, 0, mask).shards == shards


@pytest.mark.parametrize(
    ("length", "shards", "share"),
    [(17_920, 1, 1), (17_920, 4, 4), (MAX_RANGE, 2, 2), (3 * MAX_RANGE, 2, 1), (3 * MAX_RANGE, 4, 4 / 3)],
)
def test_bound_of__shard__gets_its_part_of_the_target(length, shards, share):
    target = 10**70
    bound = recall.bound_of(target, RecallRange.widest(length, Shard(0, shards)), length)
    assert bound % (1 << 64) == 0
    assert abs(bound * share - target) < target // 10**12 + (1 << 72)


def test_bound_of__easiest_target__is_all_but_the_lowest_bits():
    assert recall.bound_of((1 << 256) - 1, published_range(), 17_920) == (1 << 256) - (1 << 64)


@pytest.mark.parametrize(("first", "passes"), [(0, True), (recall.GATE - 1, True), (recall.GATE, False)])
def test_passes_gate__at_its_edge__lets_one_in_64_through(first, passes):
    assert recall.passes_gate(first.to_bytes(32, "big")) == passes
    assert recall.GATE * 64 == 1 << 256


def test_second_quality__quality_and_unit__are_hashed_in_this_order():
    assert recall.second_quality(b"q" * 32, b"u" * 4096) == keccak256(b"q" * 32 + b"u" * 4096)
