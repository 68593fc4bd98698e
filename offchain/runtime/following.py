"""Follows contracts on a chain: asks, records, remembers how far it has come, also through reorganisations."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from offchain.chain.cursor import Cursor
from offchain.chain.watcher import EventWatcher, Step
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread

R = TypeVar("R")


class Following(ABC, Generic[R]):
    """One step after the other. A worker says in `_record` what a step means to it, and in `_announce` to others."""

    def __init__(
        self,
        watcher: EventWatcher,
        cursor: str | None,
        metrics: Metrics,
        pause: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cursor` is the text that was stored last; `pause` in seconds between looks at the chain."""
        self._watcher = watcher
        self._cursor = Cursor.from_json(cursor) if cursor else Cursor()
        self._pause = pause
        self._now = now
        self.looked = now()
        """When the chain answered last."""
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
        if step.cursor == self._cursor:
            self._rest()
        else:
            recorded = self._record(step)
            self._cursor = step.cursor
            if step.rolled_back_to is not None:
                self._reorgs.inc()
            self._announce(step, recorded)
        self._height.set(self.height)
        self._behind.set(step.behind)
        return step

    @abstractmethod
    def _record(self, step: Step) -> R:
        """Make what a step tells durable, together with its cursor. When it raises, the chain is asked anew."""

    @abstractmethod
    def _announce(self, step: Step, recorded: R) -> None:
        """Tell other parts what was recorded."""

    def _rest(self) -> None:
        """What to do when nothing is new; nothing by default."""
