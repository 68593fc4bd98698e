"""Takes segments in: decides whether they belong to a submission or wait in the pool, and completes files."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from offchain.net.remote import asker
from offchain.protocol.sectors import SECTOR_BYTES
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.pool import Pool
from offchain.storage.node.refusals import WrongFile, already_finalized, bad_length, wrong_size
from offchain.storage.node.shelf import Shelf
from offchain.storage.wire import Segment
from offchain.store.segment_store import Content

LOOK_SECONDS = 0.05


class Intake:
    """Segments from uploaders and peers."""

    def __init__(self, catalog: Catalog, pool: Pool, shelf: Shelf) -> None:
        """Nothing happens until segments come."""
        self._catalog = catalog
        self._pool = pool
        self._shelf = shelf
        self._finisher = Finisher(catalog, shelf)

    @property
    def service(self) -> Service:
        """Completes files."""
        return Service("finish files", self._finisher.run)

    def take(self, segment: Segment, seq: int | None = None) -> None:
        """Check and store a segment, of submission `seq` where one is named; from any thread.

        Raises Refusal, Busy above a limit, DiskFull.
        """
        if not segment.data or len(segment.data) % SECTOR_BYTES:
            raise bad_length()
        content = Content(segment.root, segment.size)
        entry = self._entry(content) if seq is None else self._catalog.entry(seq)
        if entry is None:
            self._pool.check(content)
            self._shelf.put(segment, self._admit)
        else:
            _check(entry, segment)
            self._shelf.put(segment)
        self._finisher.touch([content])

    def added(self, entries: Iterable[Entry]) -> None:
        """Submissions appeared: their files may be complete already."""
        self._finisher.touch([entry.content for entry in entries])

    def _entry(self, content: Content) -> Entry | None:
        """The submission of `content`, an unfinished one first; one of the same root tells of a wrong size."""
        return self._catalog.wanting(content) or self._catalog.find(content.root)

    def _admit(self, segment: Segment) -> None:
        self._pool.admit(Content(segment.root, segment.size), len(segment.data), asker.get())


class Finisher:
    """Marks submissions as complete once all their segments are safely on disk."""

    def __init__(self, catalog: Catalog, shelf: Shelf) -> None:
        """Unfinished submissions of an earlier run are looked at too."""
        self._catalog = catalog
        self._shelf = shelf
        self._touched: set[Content] = set()
        self._lock = threading.Lock()

    def touch(self, contents: Iterable[Content]) -> None:
        """Look at these files soon; from any thread."""
        with self._lock:
            self._touched.update(contents)

    async def run(self, context: Context) -> None:
        """Finish files as they are touched, and between them those of an earlier run."""
        earlier: int | None = -1
        while not context.stopping:
            for content in self._take():
                await in_thread(self._shelf.complete, content)
                context.progress()
            if earlier is None:
                await context.pause(LOOK_SECONDS)
            else:
                earlier = await in_thread(self._finish_after, earlier)

    def _finish_after(self, seq: int) -> int | None:
        """Look at some unfinished submissions after number `seq`; the number of the last, None if there were none."""
        unfinished = self._catalog.unfinished(seq)
        for content in {entry.content for entry in unfinished}:
            self._shelf.complete(content)
        return unfinished[-1].seq if unfinished else None

    def _take(self) -> list[Content]:
        with self._lock:
            taken, self._touched = list(self._touched), set()
        return taken


def _check(entry: Entry, segment: Segment) -> None:
    if entry.root != segment.root:
        raise WrongFile
    if entry.size != segment.size:
        raise wrong_size()
    if entry.finalized:
        raise already_finalized()
