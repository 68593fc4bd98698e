"""What a hash rate and a share of the flow are likely to earn, from what the chain tells now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.chain.contracts.flow import FlowContract
from offchain.chain.contracts.mine import MineContract
from offchain.chain.contracts.reward import RewardContract
from offchain.errors import Invalid
from offchain.protocol.difficulty import MAX_TARGET
from offchain.protocol.pora import Parameters
from offchain.protocol.recall import LOAD_SECTORS, RecallRange, bound_of
from offchain.storage.miner.holding import Holding

SAMPLED_CHUNKS = 64
"""Pricing chunks that are looked at; what they hold stands for all."""

PACE_BLOCKS = 1_000
"""Blocks over which the time between blocks is measured."""

NEVER = MAX_TARGET


@dataclass(frozen=True, slots=True)
class Market:
    """What of the chain an estimate depends on.

    In all pricing chunks together, `claimable` wei are free now, and `released` wei become free each second, None where
    the release decays. `base` is what every proof gets out of donations.
    """

    target: int
    flow_length: int
    parameters: Parameters
    blocks_per_epoch: int
    block_seconds: float
    chunks: int
    claimable: int
    released: float | None
    base: int

    @property
    def epoch_seconds(self) -> float:
        """Length of a mining epoch."""
        return self.blocks_per_epoch * self.block_seconds


@dataclass(frozen=True, slots=True)
class Estimate:
    """What to expect: `hashes` that a proof takes, `proofs` an epoch; wei of the next proof, and an epoch.

    `now` counts what is free in the chunks; `later`, once that is shared, only what becomes free, if that is known.
    """

    hashes: int
    proofs: float
    per_proof: int
    now: int
    later: int | None


def estimate(market: Market, holding: Holding, hash_rate: float) -> Estimate:
    """What `hash_rate` hashes a second on all of `holding` are likely to bring; Invalid without a range to mine."""
    within = holding.range(market.flow_length)
    if within is None:
        raise Invalid(
            f"there is nothing to mine yet: an epoch has sealed {market.flow_length} sectors, and a load has "
            f"{LOAD_SECTORS}; ask again once data is stored and the next epoch has begun"
        )
    chance = (bound_of(market.target, within, market.flow_length) + 1) / (MAX_TARGET + 1)
    parameters = market.parameters
    tries = hash_rate * parameters.mine_blocks * market.block_seconds
    proofs = min(tries * chance, float(parameters.most))
    chunks = held_chunks(market, within)
    claimable = market.claimable / max(market.chunks, 1)
    # Each proof takes half of what its chunk has, and leads to any of them by chance: many bring less and less.
    now = chunks * claimable * (1 - (1 - 0.5 / max(chunks, 1)) ** proofs) + proofs * market.base
    later = None
    if market.released is not None:
        share = proofs / max(proofs, float(parameters.wanted))
        later = round(market.released * market.epoch_seconds * share + proofs * market.base)
    return Estimate(round(1 / chance), proofs, round(claimable / 2) + market.base, round(now), later)


def held_chunks(market: Market, within: RecallRange) -> int:
    """Pricing chunks that have sectors in a range."""
    return -(-within.length // market.parameters.pricing_sectors)


def market_of(mine: MineContract, flow: FlowContract, reward: RewardContract, miner_id: bytes) -> Market:
    """What the chain tells now. Without an open window the target of the last proof is taken."""
    client, parameters = mine.client, mine.parameters()
    told = mine.worker_context(miner_id)
    head = client.head()
    before = client.header(max(head.number - PACE_BLOCKS, 0))
    seconds = (head.timestamp - before.timestamp) / max(head.number - before.number, 1)
    length = told.context.flow_length
    chunks = -(-length // parameters.pricing_sectors)
    sample = sorted({number * chunks // SAMPLED_CHUNKS for number in range(SAMPLED_CHUNKS)})
    fees = [reward.fees(chunk) for chunk in sample]
    deadlines = [reward.deadline(chunk) for chunk in sample]
    return Market(
        told.target or mine.target(),
        length,
        parameters,
        flow.blocks_per_epoch(),
        seconds,
        chunks,
        sum(each.claimable for each in fees) * chunks // len(sample),
        _released([each.locked for each in fees], deadlines, head.timestamp, chunks),
        min(reward.base_reward()),
    )


def _released(locked: Sequence[int], deadlines: Sequence[int], now: int, chunks: int) -> float | None:
    """Wei that become free per second; None when no end tells how fast."""
    if NEVER in deadlines:
        return None
    rates = [wei / (end - now) for wei, end in zip(locked, deadlines, strict=True) if end > now]
    return sum(rates) * chunks / len(locked)
