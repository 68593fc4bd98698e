import random

import pytest

from offchain.protocol.recall import LOAD_SECTORS, MAX_RANGE
from offchain.protocol.shards import Shard
from offchain.storage.miner.holding import MAX_SLOTS, Holding

WHOLE = Holding()
THIRD_OF_FOUR = Holding(Shard(2, 4))


def test_slot__loads_of_the_shard__are_counted_from_nought():
    assert [WHOLE.load(slot) for slot in range(3)] == [0, 1, 2]
    assert [THIRD_OF_FOUR.load(slot) for slot in range(3)] == [2, 6, 10]
    assert [THIRD_OF_FOUR.slot(load) for load in range(7)] == [None, None, 0, None, None, None, 1]


def test_slot__holding_that_starts_later__counts_from_there():
    holding = Holding(Shard(1, 2), 8 * LOAD_SECTORS)
    assert [holding.slot(load) for load in (1, 8, 9, 10, 11)] == [None, None, 0, None, 1]
    assert holding.load(1) == 11


@pytest.mark.parametrize(
    ("sectors", "whole", "third"),
    [(0, 0, 0), (1023, 0, 0), (1024, 1, 0), (3071, 2, 0), (3072, 3, 1), (7 * 1024 - 1, 6, 1), (7 * 1024, 7, 2)],
)
def test_slots__only_loads_that_are_complete__count(sectors, whole, third):
    assert (WHOLE.slots(sectors), THIRD_OF_FOUR.slots(sectors)) == (whole, third)


def test_slots__more_than_eight_tebibytes__end_there():
    assert WHOLE.slots(3 * MAX_RANGE) == THIRD_OF_FOUR.slots(5 * MAX_RANGE) == MAX_SLOTS
    assert WHOLE.slot(MAX_SLOTS - 1) == MAX_SLOTS - 1
    assert WHOLE.slot(MAX_SLOTS) is None


@pytest.mark.parametrize("holding", [WHOLE, THIRD_OF_FOUR, Holding(Shard(7, 8))])
def test_range__any_recalled_load__has_a_slot(holding):
    length = 37 * LOAD_SECTORS + 5
    within, dice = holding.range(length), random.Random(1)
    recalled = {within.load_position(dice.randbytes(32)) for _ in range(500)} - {None}
    slots = {holding.slot(position // LOAD_SECTORS) for position in recalled}
    # The one right behind the range counts too where the mask leads there.
    assert set(range(holding.slots(length))) <= slots <= set(range(holding.slots(length) + 1))


@pytest.mark.parametrize("length", [1, 1023])
def test_range__flow_without_a_load__is_none(length):
    assert WHOLE.range(length) is None


def test_range__start_without_eight_tebibytes_behind_it__is_none():
    holding = Holding(start=1 << 25)
    assert holding.range(MAX_RANGE + (1 << 25) - 1) is None
    assert holding.range(MAX_RANGE + (1 << 25)).length == MAX_RANGE
