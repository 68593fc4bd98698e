"""The node: all its parts, made and wired."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.watcher import EventWatcher
from offchain.fast.compiled import warm_up
from offchain.net.http_server import split
from offchain.protocol.keccak import keccak256
from offchain.runtime import checks
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.storage.node.admin_api import AdminApi
from offchain.storage.node.catalog import CATALOG_SCHEMA, Catalog, Entry
from offchain.storage.node.intake import Intake
from offchain.storage.node.lanes import Lanes
from offchain.storage.node.log_sync import LogSync
from offchain.storage.node.peers import Identity, Peers
from offchain.storage.node.pool import Pool
from offchain.storage.node.proofs import FlowProofs
from offchain.storage.node.scrub import Scrub
from offchain.storage.node.segment_api import SegmentApi
from offchain.storage.node.server import Heartbeat, NodeServer
from offchain.storage.node.settings import NodeSettings
from offchain.storage.node.shelf import Shelf
from offchain.storage.node.sync import Sync
from offchain.storage.node.zgs_api import ZgsApi
from offchain.store.cursor import CURSOR_SCHEMA
from offchain.store.database import Database
from offchain.store.lock import DirectoryLock
from offchain.store.segment_store import SegmentStore

EXPIRE_SECONDS = 10.0


@contextmanager
def node(settings: NodeSettings, metrics: Metrics) -> Iterator[Sequence[Service]]:
    """The services of a node, once everything it needs is known to be there; BadSettings otherwise."""
    client = settings.client()
    _check(settings, client)
    with (
        DirectoryLock(settings.data),
        Database(settings.data / "node.sqlite", CATALOG_SCHEMA, CURSOR_SCHEMA) as database,
    ):
        store = SegmentStore(settings.data / "files")
        try:
            warm_up()
            yield Node(settings, client, database, store, metrics).services
        finally:
            store.close()


def _check(settings: NodeSettings, client: ChainClient) -> None:
    checks.require(
        checks.chain_problems(client, {"Flow": settings.flow}),
        checks.disk_problems(settings.data, settings.min_free_disk),
        *(checks.port_problems(*split(address)) for address in (settings.listen, settings.listen_admin)),
    )


class Node:
    """Parts and their wiring; nothing runs before the services do."""

    def __init__(
        self, settings: NodeSettings, client: ChainClient, database: Database, store: SegmentStore, metrics: Metrics
    ) -> None:
        """Reads the chain id and the flow's first block; BadSettings when the data is of another flow."""
        self._settings = settings
        self._metrics = metrics
        flow = FlowContract(client, settings.flow)
        identity = Identity(client.check(), flow.address.lower())
        self._catalog = Catalog(database)
        self._catalog.claim(identity.chain_id, identity.flow)
        self._pool = Pool(database, store, settings.pool, settings.pool_share, settings.pool_patience, time.time)
        self._shelf = Shelf(store, self._catalog, settings.shard, settings.max_writing, settings.verify_reads)
        self._shelf.min_free = settings.min_free_disk
        self._intake = Intake(self._catalog, self._pool, self._shelf)
        self._peers = Peers(settings.peers, identity)
        self._sync = Sync(self._catalog, self._shelf, self._intake, self._peers, settings.auto_sync)
        self._shelf.lost = self._sync.repair
        self._scrub = Scrub(self._catalog, self._shelf, settings.scrub_rate, metrics)
        self._heartbeat = Heartbeat()
        self._log_sync = self._follow(flow)
        self._server = self._serve(identity)
        metrics.gauge("pool_bytes", "Bytes of files that wait for their transaction.").set_function(
            self._pool.bytes_held
        )

    @property
    def services(self) -> list[Service]:
        """Everything that runs."""
        return [
            self._server.service,
            self._log_sync.service,
            self._intake.service,
            self._peers.service,
            self._sync.service,
            self._scrub.service,
            Service.repeating("expire the pool", self._expire),
        ]

    def _follow(self, flow: FlowContract) -> LogSync:
        settings = self._settings
        start = flow.first_block() if settings.start_block is None else settings.start_block
        watcher = EventWatcher(
            flow.client,
            [flow.address],
            flow.topics,
            start_block=start,
            confirmations=settings.confirmations,
            page=settings.log_page,
        )
        return LogSync(flow, watcher, self._catalog, self._metrics, settings.poll, self._pool.deadline, self._added)

    def _added(self, entries: list[Entry]) -> None:
        self._heartbeat.beat()
        self._intake.added(entries)

    def _serve(self, identity: Identity) -> NodeServer:
        settings = self._settings
        proofs, lanes = FlowProofs(self._catalog, self._shelf), Lanes()
        zgs = ZgsApi(
            identity,
            self._catalog,
            self._shelf,
            self._intake,
            proofs,
            lanes,
            lambda: self._log_sync.progress,
            lambda: len(self._peers.connected()),
        )
        admin = AdminApi(
            keccak256(str(settings.data.resolve()).encode()).hex()[:40],
            lambda: self._server.urls,
            self._catalog,
            self._sync,
            self._scrub,
            self._peers,
            self._metrics.values,
            lambda: signal.raise_signal(signal.SIGTERM),
            time.monotonic,
        )
        segments = SegmentApi(self._catalog, self._shelf, self._intake, lanes.segments)
        return NodeServer(
            settings.listen,
            settings.listen_admin,
            settings.admin_hosts,
            settings.limits,
            zgs.methods,
            admin.methods,
            segments.routes,
            self._health,
            self._metrics,
        )

    def _health(self) -> dict[str, Any]:
        progress = self._log_sync.progress
        return {
            "ok": self._heartbeat.alive,
            "height": progress.height,
            "nextTxSeq": self._catalog.next_seq(),
            "unfinished": self._catalog.unfinished_count(),
            "connectedPeers": len(self._peers.connected()),
        }

    async def _expire(self) -> float:
        await in_thread(self._pool.expire)
        return EXPIRE_SECONDS
