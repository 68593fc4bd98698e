"""Follows `Flow`: submissions, and what each mining epoch seals; undoes what a reorganisation took back."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from offchain.chain.contracts.flow import FlowContract, Submitted
from offchain.chain.watcher import EventWatcher, Step
from offchain.protocol.recall import LOAD_SECTORS
from offchain.runtime.following import Following
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.storage.miner.sealed_loads import SealedLoads
from offchain.storage.miner.sealed_ranges import SealedRanges, following
from offchain.storage.node.catalog import Catalog

log = get_logger("follow")

NEVER = 0.0
"""When files without a submission expire: a miner keeps none."""


class Follower(Following[list[Submitted]]):
    """Records what can be sealed."""

    def __init__(
        self,
        flow: FlowContract,
        watcher: EventWatcher,
        catalog: Catalog,
        ranges: SealedRanges,
        loads: SealedLoads,
        metrics: Metrics,
        pause: float,
    ) -> None:
        """`watcher` watches submissions and epochs; `pause` in seconds between looks at the chain."""
        super().__init__(watcher, catalog.cursor(), metrics, pause)
        self._flow = flow
        self._catalog = catalog
        self._ranges = ranges
        self._loads = loads

    def _record(self, step: Step) -> list[Submitted]:
        submitted, opened = self._flow.submitted(step.logs), self._flow.opened(step.logs)
        root = self._flow.root_after(submitted[-1].seq) if submitted else None
        block = self.height if step.rolled_back_to is None else step.rolled_back_to
        found = following(self._ranges.covered(block), opened, self._flow.sealed_by)
        with self._doubts(step, block):
            # Ranges first: should the process end before the cursor is stored, they are replaced by themselves.
            self._ranges.replace(block, found)
            self._catalog.apply(submitted, root, step.cursor.to_json(), step.rolled_back_to, NEVER)
        return submitted

    def _announce(self, step: Step, recorded: list[Submitted]) -> None:
        if step.rolled_back_to is not None:
            log.warning("reorganisation", rolled_back_to=step.rolled_back_to)
        for each in recorded:
            log.info("submission", seq=each.seq, sectors=each.sectors, block=each.log.block_number)

    def _doubts(self, step: Step, block: int) -> AbstractContextManager[None]:
        """Loads are sealed on while the flow grows, and wait while it changes.

        It also changes when ranges are left of a step that failed or was cut short: the next one may be of a fork.
        """
        if step.rolled_back_to is None and self._ranges.covered() == self._ranges.covered(block):
            return nullcontext()
        return self._loads.doubting(self._kept(block))

    def _kept(self, block: int) -> int:
        """Sectors, in whole loads, that stay as they are when everything above `block` is undone."""
        entry = self._catalog.last()
        while entry and entry.block > block:
            entry = self._catalog.entry(entry.seq - 1) if entry.seq else None
        length = entry.length if entry else 0
        return min(length, self._ranges.covered(block)) // LOAD_SECTORS * LOAD_SECTORS
