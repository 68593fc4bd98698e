"""What one may look at before and while one mines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from pydantic import Field

from offchain.cli.output import coins, size, tell, with_json
from offchain.cli.storage.miner.settings import MineSettings, Place
from offchain.errors import BadSettings, NotFound
from offchain.protocol.recall import LOAD_BYTES, LOAD_UNITS
from offchain.protocol.shards import MAX_SHARDS, Shard
from offchain.runtime.settings import flag, with_settings
from offchain.runtime.units import Duration

if TYPE_CHECKING:
    from pathlib import Path

    from offchain.chain.contracts.mine import MineContract, WorkerContext
    from offchain.storage.miner.estimate import Estimate, Market

LAST_WINS = 5


class EstimateSettings(MineSettings):
    """What an estimate is made for."""

    hash_rate: float | None = Field(None, gt=0, description="hashes per second that the miner makes while it may prove")
    bench: Duration = Field(0.0, ge=0, description="time to measure this machine for, instead of --hash-rate")
    threads: int = Field(0, ge=0, description="threads to measure with; as many as there are cores if 0")
    shard_id: int = Field(0, ge=0, description="which part of the flow would be held, counted from 0")
    num_shards: int = Field(1, ge=1, le=MAX_SHARDS, description="parts the flow is divided into, a power of two")


@click.command()
@with_settings(MineSettings)
@with_json
def status(settings: MineSettings, as_json: bool) -> None:
    """Tell what a miner holds, has won and is owed.

    What is sealed and what was won is read from the data directory, while the miner runs and when it does not.
    """
    from offchain.chain.contracts.reward import RewardContract

    place = settings.place()
    miner_id = settings.id(place)
    beneficiary = place.mine.beneficiary(miner_id)
    if beneficiary is None:
        raise NotFound("the mine does not know this miner id: is it of another network?")
    told_now = place.mine.worker_context(miner_id)
    owed = RewardContract(place.client, place.mine.reward()).owed(beneficiary)
    told: dict[str, Any] = {
        "miner": "0x" + miner_id.hex(),
        "beneficiary": beneficiary,
        "owed": owed if as_json else coins(owed) if owed else "nothing",
        "epoch": told_now.context.epoch,
        "may prove now": bool(told_now.target) if as_json else _may_prove(place.mine, miner_id, told_now),
    }
    tell({**told, **_held(settings.data, as_json)}, as_json)


@click.command()
@with_settings(EstimateSettings)
@with_json
def estimate(settings: EstimateSettings, as_json: bool) -> None:
    """Tell what a hash rate and a share of the flow would earn as things are now.

    From the mine's difficulty and pace and from the fees in the flow's pricing chunks. "Now" shares out what is free in
    them; "later" only what becomes free, once as many proofs come as the mine wants. Other miners, who come and go with
    what there is to earn, are not foreseen.
    """
    from offchain.chain.contracts.flow import FlowContract
    from offchain.chain.contracts.reward import RewardContract
    from offchain.storage.miner.estimate import estimate as estimated
    from offchain.storage.miner.estimate import market_of
    from offchain.storage.miner.holding import Holding

    rate = _rate(settings)
    place = settings.place()
    flow, reward = FlowContract(place.client, place.mine.flow()), RewardContract(place.client, place.mine.reward())
    market = market_of(place.mine, flow, reward, _id_or_none(settings, place))
    found = estimated(market, Holding(Shard(settings.shard_id, settings.num_shards)), rate)
    tell(_estimate_told(rate, market, found, as_json), as_json)


def _may_prove(mine: MineContract, miner_id: bytes, told: WorkerContext) -> str:
    """Whether a miner may prove now, and if not, why."""
    from offchain.protocol.epochs import UNKNOWN
    from offchain.protocol.pora import window

    if told.target:
        return "yes"
    if told.context.digest == UNKNOWN:
        return "no: no epoch has begun that seals data"
    if not mine.left(told.context.epoch):
        return "no: this epoch has all proofs that it takes"
    blocks, head = window(told.context, miner_id, mine.parameters()), mine.client.head().number
    when = "is" if head < blocks.start else "was"
    return f"no: its window in this epoch {when} blocks {blocks.start} to {blocks.stop - 1}, and the newest is {head}"


def _rate(settings: EstimateSettings) -> float:
    if (settings.hash_rate is None) == (settings.bench == 0):
        raise BadSettings(f"an estimate needs a hash rate: set {flag('hash_rate')}, or measure it with {flag('bench')}")
    if settings.hash_rate is not None:
        return settings.hash_rate
    from offchain.fast.threads import core_count
    from offchain.storage.miner.bench import hash_rate

    return hash_rate(settings.bench, settings.threads or core_count())


def _id_or_none(settings: EstimateSettings, place: Place) -> bytes:
    """The miner's id if there is one; the answer is the same for all whose window is open."""
    try:
        return settings.id(place)
    except NotFound:
        return bytes(32)


def _estimate_told(rate: float, market: Market, found: Estimate, as_json: bool) -> dict[str, Any]:
    """The second hop makes one hash of a load."""
    loads = rate / (1 if market.parameters.two_hops else LOAD_UNITS)
    facts: dict[str, Any] = {
        "hashes per second": round(rate),
        "read per second": round(loads * LOAD_BYTES),
        "hashes per proof": found.hashes,
        "proofs per epoch": round(found.proofs, 3),
        "proofs wanted per epoch": market.parameters.wanted,
        "epoch seconds": round(market.epoch_seconds, 1),
        "the next proof earns": found.per_proof,
        "income per epoch now": found.now,
        "income per epoch later": found.later,
    }
    if as_json:
        return facts
    later = "unknown: the release decays" if found.later is None else coins(found.later)
    shown = {"the next proof earns": coins(found.per_proof), "income per epoch now": coins(found.now)}
    return {**facts, **shown, "read per second": size(facts["read per second"]), "income per epoch later": later}


def _held(data: Path, as_json: bool) -> dict[str, Any]:
    """What the data directory tells."""
    from offchain.storage.miner.report import report

    found = report(data, LAST_WINS)
    if found is None:
        return {"sealed": None} if as_json else {"sealed": f"nothing: no miner ran in {data} yet"}
    wins = [{"epoch": each.epoch, "earned": each.reward or 0} for each in found.last_won]
    if as_json:
        return {"sealed": found.sealed, "pending": found.pending, "answers": found.answers, "last wins": wins}
    return {
        "sealed": f"{found.sealed} loads, {size(found.sealed * LOAD_BYTES)}",
        "pending": f"{found.pending} loads",
        "answers": [f"{count} {outcome}" for outcome, count in found.answers.items()] or "none yet",
        "last wins": [f"epoch {each['epoch']}: {coins(each['earned'])}" for each in wins] or "none yet",
    }
