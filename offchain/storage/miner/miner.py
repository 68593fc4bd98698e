"""The miner: all its parts, made and wired."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.contracts.mine import MineContract
from offchain.chain.contracts.reward import RewardContract
from offchain.chain.sender import SendPolicy, TransactionSender
from offchain.chain.watcher import EventWatcher
from offchain.errors import BadSettings
from offchain.fast.compiled import warm_up
from offchain.fast.threads import core_count
from offchain.net.http_server import split
from offchain.runtime import checks
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.storage.client.network import Network
from offchain.storage.miner.allowance import Allowance
from offchain.storage.miner.answer_book import AnswerBook
from offchain.storage.miner.answers import Answers
from offchain.storage.miner.endpoint import Endpoint
from offchain.storage.miner.fetch import Sources
from offchain.storage.miner.follow import Follower
from offchain.storage.miner.identity import Identity, read_id
from offchain.storage.miner.job import Jobs
from offchain.storage.miner.mining import Limits, Mining
from offchain.storage.miner.opening import Opening
from offchain.storage.miner.plan import Planner
from offchain.storage.miner.rewards import Rewards
from offchain.storage.miner.sealed_file import SealedFile
from offchain.storage.miner.sealed_loads import SealedLoads
from offchain.storage.miner.sealed_ranges import SealedRanges
from offchain.storage.miner.sealing import Parts, Sealing
from offchain.storage.miner.settings import MinerSettings
from offchain.storage.miner.shelf import Shelf
from offchain.storage.miner.state import DATABASE, SCHEMAS
from offchain.storage.miner.submitting import Submitting
from offchain.storage.node.catalog import Catalog
from offchain.store.database import Database
from offchain.store.journal import TransactionJournal
from offchain.store.lock import DirectoryLock

STALE_SECONDS = 60.0  # without a look at the chain, after which the miner counts as unhealthy


@dataclass(frozen=True, slots=True)
class Contracts:
    """The mine, and what it names."""

    mine: MineContract
    flow: FlowContract
    reward: RewardContract
    beneficiary: str


@contextmanager
def miner(settings: MinerSettings, metrics: Metrics) -> Iterator[Sequence[Service]]:
    """The services of a miner, once everything it needs is known to be there; BadSettings otherwise."""
    client = settings.client()
    account = _check(settings, client)
    with (
        DirectoryLock(settings.data),
        Database(settings.data / DATABASE, *SCHEMAS) as database,
        closing(SealedFile(settings.data / "sealed.data")) as file,
    ):
        identity = _identity(settings, client)
        contracts = _contracts(client, identity)
        identity.claim(database)  # the last check: a directory that is claimed by mistake is of no use any more
        warm_up()
        made = Miner(settings, identity, contracts, account, database, file, metrics)
        with closing(made.sources):
            yield made.services


def _check(settings: MinerSettings, client: ChainClient) -> Account:
    if not settings.nodes and not settings.indexer:
        raise BadSettings("a miner fetches data from storage nodes: set --nodes or --indexer")
    account = settings.account()
    checks.require(
        checks.chain_problems(client, {"PoraMine": settings.mine}, account.address, settings.minimum_balance),
        checks.disk_problems(settings.data, settings.min_free_disk),
        checks.port_problems(*split(settings.listen)),
    )
    return account


def _identity(settings: MinerSettings, client: ChainClient) -> Identity:
    chain_id, registered = client.check(), read_id(settings.data)
    if settings.miner_id is not None:
        miner_id = bytes.fromhex(settings.miner_id[2:])
    elif registered is None:
        raise BadSettings("nobody is to be paid: make a miner id with `zg storage miner register`, or set --miner-id")
    elif (registered.chain_id, registered.mine.lower()) != (chain_id, settings.mine.lower()):
        raise BadSettings(f"the miner id in {settings.data} is of {registered.mine} on chain {registered.chain_id}")
    else:
        miner_id = registered.miner_id
    return Identity(chain_id, client.header(0).hash, settings.mine, miner_id, settings.holding)


def _contracts(client: ChainClient, identity: Identity) -> Contracts:
    mine = MineContract(client, identity.mine)
    beneficiary = mine.beneficiary(identity.miner_id)
    if beneficiary is None:
        raise BadSettings(
            f"{mine.address} knows no miner id 0x{identity.miner_id.hex()}: make one with `zg storage miner register`"
        )
    reward = mine.reward()
    if not int(reward, 16):
        raise BadSettings(f"nobody pays for proofs of {mine.address}: its governor has to set a reward first")
    shards, most = identity.holding.shard.count, mine.parameters().max_shards
    if shards > most:
        raise BadSettings(f"{mine.address} takes at most {most} shards, not {shards}")
    return Contracts(mine, FlowContract(client, mine.flow()), RewardContract(client, reward), beneficiary)


class Miner:
    """Parts and their wiring; nothing runs before the services do."""

    def __init__(
        self,
        settings: MinerSettings,
        identity: Identity,
        contracts: Contracts,
        account: Account,
        database: Database,
        file: SealedFile,
        metrics: Metrics,
    ) -> None:
        """`database` belongs to `identity`."""
        self._settings = settings
        self._contracts = contracts
        self._metrics = metrics
        holding, client = identity.holding, contracts.mine.client
        catalog, ranges = Catalog(database), SealedRanges(database)
        self._loads = SealedLoads(database, holding)
        self._follower = self._follow(catalog, ranges)
        self.sources = Sources(
            Network(settings.nodes, settings.indexer, settings.node_timeout),
            (identity.chain_id, contracts.flow.address.lower()),
        )
        limits = _limits(settings)
        shelf = Shelf(holding, self._loads, file, settings.check_every)
        self._mining = Mining(
            shelf,
            limits,
            lambda find: self._submitting.found(find),
            lambda: self._submitting.has_room(),
            metrics,
        )
        self._jobs = Jobs(contracts.mine, identity.miner_id, holding, metrics, settings.poll, self._mining.work_on)
        self._sealing = Sealing(
            Parts(holding, Planner(catalog, ranges), self.sources, file, self._loads),
            identity.miner_id,
            limits.cpu,
            settings.fetch_at_once,
            settings.min_free_disk,
            lambda: self._mining.is_busy,
            metrics,
        )
        self._book = AnswerBook(database)
        journal = TransactionJournal(database, identity.chain_id, account.address)
        policy = SendPolicy(max_fee=settings.max_fee, confirmations=settings.confirmations)
        sender = TransactionSender(client, account, journal, policy)
        self._submitting = Submitting(
            self._jobs,
            Answers(catalog, ranges, self._loads, shelf, identity.miner_id),
            self._book,
            contracts.mine,
            contracts.reward,
            sender,
            settings.min_reward,
            settings.poll,
            metrics,
        )
        self._rewards = Rewards(
            contracts.mine,
            contracts.reward,
            identity.miner_id,
            sender,
            journal,
            settings.withdraw_above,
            metrics,
        )
        self._opening = Opening(
            contracts.flow,
            sender,
            self._jobs,
            catalog,
            ranges,
            holding,
            identity.miner_id,
            settings.poll,
        )
        self._endpoint = Endpoint(settings.listen, self._health, metrics)

    @property
    def services(self) -> list[Service]:
        """Everything that runs."""
        return [
            self._endpoint.service,
            self._follower.service,
            self._sealing.service,
            self._jobs.service,
            self._mining.service,
            self._submitting.service,
            self._rewards.service,
            *([self._opening.service] if self._settings.open_epochs else []),
        ]

    def _follow(self, catalog: Catalog, ranges: SealedRanges) -> Follower:
        settings, flow = self._settings, self._contracts.flow
        start = flow.first_block() if settings.start_block is None else settings.start_block
        watcher = EventWatcher(
            flow.client,
            [flow.address],
            flow.topics_with_epochs,
            start_block=start,
            confirmations=settings.confirmations,
            page=settings.log_page,
        )
        return Follower(flow, watcher, catalog, ranges, self._loads, self._metrics, settings.poll)

    def _health(self) -> dict[str, Any]:
        job = self._jobs.job
        problems = [each for each in (self._jobs.problem, self._sealing.problem, self._submitting.problem) if each]
        return {
            "ok": time.monotonic() - self._follower.looked < STALE_SECONDS and not problems,
            "problems": problems,
            "height": self._follower.height,
            "epoch": self._jobs.epoch,
            "window": [job.blocks.start, job.blocks.stop - 1] if job else None,
            "sealed": self._loads.count,
            "pending": self._sealing.pending(),
            "hashRate": round(self._mining.hash_rate),
            "answers": self._book.counts(),
            "beneficiary": self._rewards.beneficiary,
            "owed": self._rewards.owed,
        }


def _limits(settings: MinerSettings) -> Limits:
    threads = settings.threads or core_count()
    cpu = inf if settings.cpu_share == 100 else threads * settings.cpu_share / 100
    return Limits(threads, Allowance(cpu), Allowance(settings.read_rate or inf))
