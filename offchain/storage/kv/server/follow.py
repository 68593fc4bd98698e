"""Follows `Flow`: enters submissions to streams into the ledger, and undoes what a reorganisation took back."""

from __future__ import annotations

import time
from collections.abc import Callable

from offchain.chain.contracts.flow import FlowContract
from offchain.chain.cursor import Cursor
from offchain.chain.watcher import EventWatcher, Step
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.storage.kv.server import ledger
from offchain.storage.kv.server.fetch import Fetcher
from offchain.storage.kv.server.ledger import Ledger
from offchain.storage.kv.server.replay import Replay, roll_back
from offchain.storage.kv.server.replayer import Replayer
from offchain.store.database import Database

log = get_logger("follow")


class Follower:
    """One step after the other: ask the chain, record, remember."""

    def __init__(
        self,
        database: Database,
        flow: FlowContract,
        watcher: EventWatcher,
        book: Ledger,
        replay: Replay,
        replayer: Replayer,
        fetcher: Fetcher,
        metrics: Metrics,
        pause: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`pause` in seconds between looks at the chain; `now` gives Unix time."""
        self._database = database
        self._flow = flow
        self._watcher = watcher
        self._book = book
        self._replay = replay
        self._replayer = replayer
        self._fetcher = fetcher
        self._pause = pause
        self._now = now
        text = book.cursor()
        self._cursor = Cursor.from_json(text) if text else Cursor()
        self.looked = now()
        """When the chain answered last, in Unix time."""
        self._height = metrics.gauge("chain_height", "Block whose events were recorded last.")
        self._behind = metrics.gauge("chain_blocks_behind", "Blocks that are known and not recorded yet.")
        self._reorgs = metrics.counter("chain_reorganisations", "Reorganisations that were followed.")

    @property
    def service(self) -> Service:
        """Follows the chain."""
        return Service.repeating("follow the flow", self._step)

    @property
    def height(self) -> int:
        """The block whose events were recorded last, 0 before the first."""
        return self._cursor.last.number if self._cursor.last else 0

    @property
    def block_hash(self) -> bytes:
        """Its hash."""
        return self._cursor.last.hash if self._cursor.last else bytes(32)

    async def _step(self) -> float:
        step = await in_thread(self.advance)
        return 0.0 if step.behind or step.rolled_back_to is not None else self._pause

    def advance(self) -> Step:
        """Take the next step."""
        step = self._watcher.poll(self._cursor)
        self.looked = self._now()
        if step.cursor != self._cursor:
            self._record(step)
        self._height.set(self.height)
        self._behind.set(step.behind)
        return step

    def _record(self, step: Step) -> None:
        submitted = self._flow.submitted(step.logs)
        gone: int | None = None
        with self._database.transaction() as transaction:
            if step.rolled_back_to is not None:
                gone = roll_back(transaction, step.rolled_back_to)
            waiting = ledger.record(transaction, submitted, self._replay.held, self._now())
            self._book.save_cursor(transaction, step.cursor.to_json())
        self._cursor = step.cursor
        if gone is not None:
            self._reorgs.inc()
            log.warning("reorganisation", rolled_back_to=step.rolled_back_to, first_submission=gone)
            self._fetcher.forget(gone)
            self._replayer.undone(gone)
        self._replayer.added(waiting)
