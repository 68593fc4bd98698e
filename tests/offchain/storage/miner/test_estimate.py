"""Estimates of income: from the difficulty, the pace, and what the chunks hold."""

from dataclasses import replace

import pytest

from offchain.errors import Invalid
from offchain.protocol.pora import Parameters
from offchain.protocol.shards import Shard
from offchain.storage.miner.estimate import Market, estimate
from offchain.storage.miner.holding import Holding

EASIEST = (1 << 256) - 1
MARKET = Market(
    target=EASIEST // 1000,
    flow_length=64 * 1024,
    parameters=Parameters(subtasks=1, interval=0, mine_blocks=100, max_shards=16, wanted=10, pricing_sectors=4096),
    blocks_per_epoch=200,
    block_seconds=2.0,
    chunks=16,
    claimable=16_000_000,
    released=100.0,
    base=0,
)
WHOLE = Holding()


def test_estimate__whole_flow__takes_as_many_hashes_as_the_difficulty_says():
    found = estimate(MARKET, WHOLE, hash_rate=5)
    assert found.hashes == pytest.approx(1000, rel=1e-3)
    assert found.proofs == pytest.approx(5 * 200 / 1000, rel=1e-3)
    assert found.per_proof == 500_000
    assert found.now == pytest.approx(500_000, rel=0.05)


@pytest.mark.parametrize("count", [2, 4, 16])
def test_estimate__part_of_the_flow__wins_in_proportion(count):
    whole, part = (estimate(MARKET, holding, 5) for holding in (WHOLE, Holding(Shard(1, count))))
    assert part.hashes == pytest.approx(count * whole.hashes, rel=1e-3)
    assert part.proofs == pytest.approx(whole.proofs / count, rel=1e-3)


def test_estimate__any_hash_rate__no_more_proofs_than_the_mine_takes_nor_more_wei_than_there_are():
    found = estimate(MARKET, WHOLE, hash_rate=1e12)
    assert found.proofs == MARKET.parameters.most
    assert found.now <= MARKET.claimable
    assert found.later == pytest.approx(MARKET.released * MARKET.epoch_seconds)


def test_estimate__as_many_proofs_as_wanted__later_shares_what_is_released():
    found = estimate(MARKET, WHOLE, hash_rate=25)
    assert found.proofs == pytest.approx(5, rel=1e-3)
    assert found.later == pytest.approx(MARKET.released * 400 / 2, rel=1e-2)


def test_estimate__base_reward__is_added_for_each_proof():
    without, with_base = (estimate(replace(MARKET, base=base), WHOLE, 25) for base in (0, 7_000))
    assert with_base.per_proof - without.per_proof == 7_000
    assert with_base.now - without.now == pytest.approx(without.proofs * 7_000, abs=2)


def test_estimate__release_that_decays__later_is_unknown():
    assert estimate(replace(MARKET, released=None), WHOLE, 5).later is None


def test_estimate__flow_without_a_load__says_what_is_missing():
    with pytest.raises(Invalid, match="there is nothing to mine yet"):
        estimate(replace(MARKET, flow_length=1023), WHOLE, 5)
