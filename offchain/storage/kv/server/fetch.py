"""Fetches the files of submissions from storage nodes, as soon as they are there and for as long as they are wanted."""

from __future__ import annotations

import asyncio
import heapq
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from offchain.errors import Busy, Invalid, NotFound, PeerUnavailable, RemoteRefused
from offchain.runtime.logging import get_logger
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.client.download import Download
from offchain.storage.kv.server.files import Files
from offchain.storage.kv.server.ledger import Entry
from offchain.storage.kv.server.sources import Sources

log = get_logger("fetch")

TICK_SECONDS = 0.025
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 900.0
AGE_SHARE = 16  # files are asked for again after this part of the time that they were waited for


@dataclass(order=True, slots=True)
class Wanted:
    """A file that is looked for; `since` and `due` in seconds of the clock, `problem` why it is not here yet."""

    due: float
    seq: int
    entry: Entry = field(compare=False)
    since: float = field(compare=False)
    problem: str = field(compare=False, default="it was not asked for yet")


class Fetcher:
    """Looks for all wanted files, at most `at_once` at the same time."""

    def __init__(
        self,
        sources: Sources,
        files: Files,
        at_once: int,
        arrived: Callable[[int], None],
        absent: Callable[[int], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`arrived` is told of each file that is here, `absent` each time that the nodes do not have one."""
        self._sources = sources
        self._files = files
        self._at_once = at_once
        self._arrived = arrived
        self._absent = absent
        self._now = now
        self._lock = threading.Lock()
        self._wanted: dict[int, Wanted] = {}
        self._queue: list[Wanted] = []
        self._running = 0
        self._stopping = False

    @property
    def service(self) -> Service:
        """Fetches."""
        return Service("fetch files", self._run)

    def want(self, entry: Entry) -> None:
        """Look for the file of a submission, now and until it is here."""
        with self._lock:
            known = self._wanted.get(entry.seq)
            if known is None or known.entry.file != entry.file:
                wanted = Wanted(self._now(), entry.seq, entry, self._now())
                self._wanted[entry.seq] = wanted
                heapq.heappush(self._queue, wanted)

    def drop(self, seq: int) -> None:
        """Stop looking for the file of `seq`."""
        with self._lock:
            self._wanted.pop(seq, None)

    def forget(self, seq: int) -> None:
        """Stop looking for files of `seq` and later ones."""
        with self._lock:
            self._wanted = {number: wanted for number, wanted in self._wanted.items() if number < seq}

    def problem(self, seq: int) -> str | None:
        """Why a file is not here, None when nobody looks for it."""
        with self._lock:
            wanted = self._wanted.get(seq)
            return None if wanted is None else wanted.problem

    @property
    def count(self) -> int:
        """Files that are looked for."""
        with self._lock:
            return len(self._wanted)

    async def _run(self, context: Context) -> None:
        self._stopping = False
        running: set[asyncio.Task[None]] = set()
        try:
            while not context.stopping:
                running |= {asyncio.create_task(in_thread(self._fetch, wanted)) for wanted in self._due()}
                for task in [task for task in running if task.done()]:
                    running.remove(task)
                    task.result()
                context.progress()
                await context.pause(TICK_SECONDS)
        finally:
            self._stopping = True
            await asyncio.gather(*running, return_exceptions=True)

    def _due(self) -> list[Wanted]:
        due = []
        with self._lock:
            while self._queue and self._queue[0].due <= self._now() and self._running < self._at_once:
                wanted = heapq.heappop(self._queue)
                if self._wanted.get(wanted.seq) is wanted:
                    due.append(wanted)
                    self._running += 1
        return due

    def _fetch(self, wanted: Wanted) -> None:
        entry = wanted.entry
        problem: str | None = "its fetching broke off"
        try:
            problem = self._attempt(entry)
        finally:
            with self._lock:
                self._running -= 1
                if self._wanted.get(wanted.seq) is wanted:
                    self._settle(wanted, problem)
        if problem is None:
            self._arrived(wanted.seq)

    def _settle(self, wanted: Wanted, problem: str | None) -> None:
        if problem is None:
            del self._wanted[wanted.seq]
            return
        age = self._now() - wanted.since
        wanted.problem = problem
        wanted.due = self._now() + min(max(FIRST_PAUSE, age / AGE_SHARE), LONGEST_PAUSE)
        heapq.heappush(self._queue, wanted)

    def _attempt(self, entry: Entry) -> str | None:
        """Why the file did not come; None when it is here."""
        if self._files.has(entry.root, entry.size):
            return None
        try:
            download = self._sources.download(entry)
            if download is None:
                self._absent(entry.seq)
                return "the storage nodes do not have it"
            self._files.put(entry.root, entry.size, self._pieces(download))
        except (PeerUnavailable, RemoteRefused, NotFound, Busy, Invalid) as error:
            return str(error)
        log.debug("fetched", seq=entry.seq, size=entry.size)
        return None

    def _pieces(self, download: Download) -> Iterator[memoryview]:
        for piece in download.pieces():
            if self._stopping:
                raise PeerUnavailable("the server stops")
            yield piece.data
