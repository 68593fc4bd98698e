"""Follows `Flow`: applies its events to the catalogue, also when the chain reorganises."""

from __future__ import annotations

from collections.abc import Callable

from offchain.chain.contracts.flow import FlowContract
from offchain.chain.watcher import EventWatcher, Step
from offchain.runtime.following import Following
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.zgs_api import SyncProgress

log = get_logger("log sync")

Applied = tuple[list[Entry], list[Entry]]
"""Submissions that were added, and those that a reorganisation took back."""


class LogSync(Following[Applied]):
    """Keeps the catalogue equal to the flow."""

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
        super().__init__(watcher, catalog.cursor(), metrics, pause)
        self._flow = flow
        self._catalog = catalog
        self._deadline = deadline
        self._added = added
        self._submissions = metrics.gauge("flow_submissions", "Submissions in the flow.")

    @property
    def progress(self) -> SyncProgress:
        """The block whose events were applied last."""
        return SyncProgress(self.height, self.block_hash)

    def _record(self, step: Step) -> Applied:
        submitted = self._flow.submitted(step.logs)
        # The events alone could be made up; the root after the last of them commits to all before.
        root = self._flow.root_after(submitted[-1].seq) if submitted else None
        return self._catalog.apply(submitted, root, step.cursor.to_json(), step.rolled_back_to, self._deadline())

    def _announce(self, step: Step, recorded: Applied) -> None:
        added, undone = recorded
        self._submissions.set(self._catalog.next_seq())
        if step.rolled_back_to is not None:
            log.warning("reorganisation", rolled_back_to=step.rolled_back_to, submissions=[e.seq for e in undone])
        for entry in added:
            log.info("submission", seq=entry.seq, root="0x" + entry.root.hex(), size=entry.size, block=entry.block)
        self._added(added)

    def _rest(self) -> None:
        self._added([])
