"""The key-value server: all its parts, made and wired."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.watcher import EventWatcher
from offchain.errors import BadSettings
from offchain.fast.compiled import warm_up
from offchain.net.http_server import Limits, split
from offchain.runtime import checks
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.storage.kv.server.admin_api import AdminApi
from offchain.storage.kv.server.api import KvApi
from offchain.storage.kv.server.checked_api import CheckedApi
from offchain.storage.kv.server.decrypt import Decrypt
from offchain.storage.kv.server.endpoint import Endpoint
from offchain.storage.kv.server.fetch import Fetcher
from offchain.storage.kv.server.files import Files
from offchain.storage.kv.server.follow import Follower
from offchain.storage.kv.server.holding import Holding
from offchain.storage.kv.server.ledger import LEDGER_SCHEMA, Ledger
from offchain.storage.kv.server.replay import Replay
from offchain.storage.kv.server.replayer import Replayer
from offchain.storage.kv.server.settings import KvSettings
from offchain.storage.kv.server.sources import Sources
from offchain.storage.kv.server.state import STATE_SCHEMAS
from offchain.store.cursor import CURSOR_SCHEMA
from offchain.store.database import Database
from offchain.store.lock import DirectoryLock

STALE_SECONDS = 60.0  # without a look at the chain, after which the server counts as unhealthy
SCHEMAS = (LEDGER_SCHEMA, *STATE_SCHEMAS, CURSOR_SCHEMA)


@contextmanager
def kv_server(settings: KvSettings, metrics: Metrics) -> Iterator[Sequence[Service]]:
    """The services of a server, once everything it needs is known to be there; BadSettings otherwise."""
    client = settings.client()
    _check(settings, client)
    with (
        DirectoryLock(settings.data),
        # What a power cut takes from the database, the chain and the storage nodes give again.
        Database(settings.data / "kv.sqlite", *SCHEMAS, durable=False) as database,
    ):
        warm_up()
        server = Server(settings, client, database, metrics)
        with closing(server.sources):
            yield server.services


def _check(settings: KvSettings, client: ChainClient) -> None:
    if not settings.nodes and not settings.indexer:
        raise BadSettings("a key-value server fetches files from storage nodes: set --nodes or --indexer")
    checks.require(
        checks.chain_problems(client, {"Flow": settings.flow}),
        checks.disk_problems(settings.data, settings.min_free_disk),
        *(checks.port_problems(*split(address)) for address in (settings.listen, settings.listen_admin)),
    )


class Server:
    """Parts and their wiring; nothing runs before the services do."""

    def __init__(self, settings: KvSettings, client: ChainClient, database: Database, metrics: Metrics) -> None:
        """Reads the chain id and the flow's first block; BadSettings when the data is of another flow."""
        self._settings = settings
        flow = FlowContract(client, settings.flow)
        self._identity = client.check(), flow.address.lower()
        self._book = Ledger(database)
        self._book.claim(*self._identity)
        self._holding = Holding(database, settings.held)
        files = Files(settings.data / "files")
        decrypt = Decrypt(settings.openers)
        self._replay = Replay(database, files, self._holding.held, settings.history, decrypt)
        self._replayer = Replayer(self._book, self._replay, settings.patience, metrics)
        self._holding.changed = self._replayer.hold
        self.sources = Sources(settings.nodes, settings.indexer, self._identity, settings.node_timeout)
        self._fetcher = Fetcher(
            self.sources, files, settings.fetch_at_once, self._replayer.arrived, self._replayer.absent
        )
        self._replayer.fetcher = self._fetcher
        self._follower = self._follow(flow, database, metrics)
        self._endpoint = self._serve(database, metrics)
        self._measure(metrics, files)

    @property
    def services(self) -> list[Service]:
        """Everything that runs."""
        return [self._endpoint.service, self._follower.service, *self._replayer.services, self._fetcher.service]

    def _follow(self, flow: FlowContract, database: Database, metrics: Metrics) -> Follower:
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
        return Follower(
            database,
            flow,
            watcher,
            self._book,
            self._replay,
            self._replayer,
            self._fetcher,
            metrics,
            settings.poll,
        )

    def _serve(self, database: Database, metrics: Metrics) -> Endpoint:
        settings = self._settings
        checked = CheckedApi(
            database,
            self._replay,
            self._identity,
            lambda: (self._follower.height, self._follower.block_hash),
            self._fetcher.problem,
        )
        public = {**KvApi(database, self._book, self._replay).methods, **checked.methods}
        return Endpoint(
            (settings.listen, settings.listen_admin),
            settings.admin_hosts,
            Limits(settings.max_body, settings.max_requests, settings.max_idle),
            public,
            AdminApi(self._identity[0], database, self._holding).methods,
            self._health,
            metrics,
        )

    def _measure(self, metrics: Metrics, files: Files) -> None:
        metrics.gauge("kv_waiting", "Submissions that are not decided.").set_function(
            lambda: self._book.count(waiting=True)
        )
        metrics.gauge("kv_missing", "Submissions that were decided without their file.").set_function(
            lambda: self._book.count(waiting=False)
        )
        metrics.gauge("kv_wanted_files", "Files that are looked for.").set_function(lambda: self._fetcher.count)
        metrics.gauge("kv_file_bytes", "Bytes of files that are kept for the replay.").set_function(files.bytes_held)

    def _health(self) -> dict[str, Any]:
        next_seq, applied = self._book.progress()
        return {
            "ok": time.time() - self._follower.looked < STALE_SECONDS,
            "height": self._follower.height,
            "nextTxSeq": next_seq,
            "appliedSeq": applied,
            "waiting": self._book.count(waiting=True),
            "missing": self._book.count(waiting=False),
        }
