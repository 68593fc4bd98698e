"""Follows `Flow`: enters submissions to streams into the ledger, and undoes what a reorganisation took back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from offchain.chain.contracts.flow import FlowContract
from offchain.chain.watcher import EventWatcher, Step
from offchain.runtime.following import Following
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.storage.kv.server import ledger
from offchain.storage.kv.server.fetch import Fetcher
from offchain.storage.kv.server.ledger import Ledger
from offchain.storage.kv.server.replay import Replay, roll_back
from offchain.storage.kv.server.replayer import Replayer
from offchain.store.database import Database

log = get_logger("follow")


@dataclass(frozen=True, slots=True)
class Entered:
    """Submissions that wait for their files, and the first one that a reorganisation took back, if one did."""

    waiting: list[int]
    gone: int | None


class Follower(Following[Entered]):
    """Records what is to be replayed."""

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
        super().__init__(watcher, book.cursor(), metrics, pause, now)
        self._database = database
        self._flow = flow
        self._book = book
        self._replay = replay
        self._replayer = replayer
        self._fetcher = fetcher

    def _record(self, step: Step) -> Entered:
        submitted = self._flow.submitted(step.logs)
        gone: int | None = None
        with self._database.transaction() as transaction:
            if step.rolled_back_to is not None:
                gone = roll_back(transaction, step.rolled_back_to)
            waiting = ledger.record(transaction, submitted, self._replay.held, self._now())
            self._book.save_cursor(transaction, step.cursor.to_json())
        return Entered(waiting, gone)

    def _announce(self, step: Step, recorded: Entered) -> None:
        if recorded.gone is not None:
            log.warning("reorganisation", rolled_back_to=step.rolled_back_to, first_submission=recorded.gone)
            self._fetcher.forget(recorded.gone)
            self._replayer.undone(recorded.gone)
        self._replayer.added(recorded.waiting)
