"""Reads what is stored again, slowly, and compares it with its roots: disks lose bits without saying so."""

from __future__ import annotations

from collections.abc import Sequence

from offchain.errors import NotFound
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.shelf import Shelf

log = get_logger("scrub")

RUN_SEGMENTS = 16  # between two pauses
BETWEEN_ROUNDS = 60.0  # seconds


class Scrub:
    """Goes through all complete files, again and again, at `rate` bytes per second."""

    def __init__(self, catalog: Catalog, shelf: Shelf, rate: int, metrics: Metrics) -> None:
        """A `rate` of 0 turns it off."""
        self._catalog = catalog
        self._shelf = shelf
        self._rate = rate
        self._checked = metrics.counter("scrubbed_segments", "Segments that were read again and compared.")
        self._damaged = metrics.counter("damaged_segments", "Segments whose bytes no longer matched their root.")

    @property
    def service(self) -> Service:
        """Scrubs until the node stops."""
        return Service("scrub", self._run)

    def check(self, entry: Entry, indices: Sequence[int]) -> int:
        """Compare some segments of a submission now, forget those damaged, note those gone; their number."""
        try:
            damaged = list(self._shelf.damaged(entry.content, indices))
        except NotFound:
            damaged = []
        if entry.finalized:
            # Somebody may have removed files, or the disk their ends.
            damaged += self._shelf.absent(entry.content, indices)
        for index in damaged:
            self._shelf.lose(entry.content, index)
        self._checked.inc(len(indices))
        self._damaged.inc(len(damaged))
        return len(damaged)

    def check_all(self, entry: Entry) -> dict[str, int]:
        """Compare all segments of a submission now; how many were checked and how many were damaged."""
        owned = self._shelf.owned(entry)
        return {"checked": len(owned), "damaged": self.check(entry, owned)}

    async def _run(self, context: Context) -> None:
        while self._rate and not context.stopping:
            seq = 0
            while not context.stopping and (entry := await in_thread(self._catalog.entry, seq)):
                if entry.finalized:
                    await self._scrub(context, entry)
                seq += 1
            await context.pause(BETWEEN_ROUNDS)

    async def _scrub(self, context: Context, entry: Entry) -> None:
        owned = self._shelf.owned(entry)
        for at in range(0, len(owned), RUN_SEGMENTS):
            run = owned[at : at + RUN_SEGMENTS]
            await in_thread(self.check, entry, run)
            context.progress()
            await context.pause(len(run) * SEGMENT_BYTES / self._rate)
            if context.stopping:
                return
