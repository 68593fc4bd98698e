"""Follows `Flow`: applies its events to the catalogue, also when the chain reorganises."""

from __future__ import annotations

from collections.abc import Callable

from offchain.chain.contracts.flow import FlowContract
from offchain.chain.cursor import Cursor
from offchain.chain.watcher import EventWatcher, Step
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.zgs_api import SyncProgress

log = get_logger("log sync")


class LogSync:
    """One step after the other: ask the chain, apply, remember."""

    def __init__(
        self,
        flow: FlowContract,
        watcher: EventWatcher,
        catalog: Catalog,
        metrics: Metrics,
        pause: float,
        deadline: Callable[[], float],
        added: Callable[[list[Entry]], None],
    ) -> None:
        """`pause` in seconds between looks at the chain; `deadline` until when files wait that a reorg cut off."""
        self._flow = flow
        self._watcher = watcher
        self._catalog = catalog
        self._pause = pause
        self._deadline = deadline
        self._added = added
        text = catalog.cursor()
        self._cursor = Cursor.from_json(text) if text else Cursor()
        self._height = metrics.gauge("chain_height", "Block whose events were applied last.")
        self._behind = metrics.gauge("chain_blocks_behind", "Blocks that are known and not applied yet.")
        self._reorgs = metrics.counter("chain_reorganisations", "Reorganisations that were followed.")
        self._submissions = metrics.gauge("flow_submissions", "Submissions in the flow.")

    @property
    def service(self) -> Service:
        """Follows the chain."""
        return Service.repeating("follow the flow", self._step)

    @property
    def progress(self) -> SyncProgress:
        """The block whose events were applied last."""
        last = self._cursor.last
        return SyncProgress(last.number, last.hash) if last else SyncProgress(0, bytes(32))

    async def _step(self) -> float:
        step = await in_thread(self._advance)
        return 0.0 if step.behind or step.rolled_back_to is not None else self._pause

    def _advance(self) -> Step:
        step = self._watcher.poll(self._cursor)
        if step.cursor != self._cursor:
            self._apply(step)
        else:
            self._added([])
        self._height.set(self.progress.height)
        self._behind.set(step.behind)
        return step

    def _apply(self, step: Step) -> None:
        submitted = self._flow.submitted(step.logs)
        # The events alone could be made up; the root after the last of them commits to all before.
        root = self._flow.root_after(submitted[-1].seq) if submitted else None
        added, undone = self._catalog.apply(
            submitted, root, step.cursor.to_json(), step.rolled_back_to, self._deadline()
        )
        self._cursor = step.cursor
        self._submissions.set(self._catalog.next_seq())
        if step.rolled_back_to is not None:
            self._reorgs.inc()
            log.warning("reorganisation", rolled_back_to=step.rolled_back_to, submissions=[e.seq for e in undone])
        for entry in added:
            log.info("submission", seq=entry.seq, root="0x" + entry.root.hex(), size=entry.size, block=entry.block)
        self._added(added)
