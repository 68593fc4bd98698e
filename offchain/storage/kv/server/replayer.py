"""Keeps the replay going: tries what may be decided, has files fetched, gives up on them, takes them back."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterable

from offchain.protocol.kv.replay import MISSING, Verdict
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.kv.server.fetch import Fetcher
from offchain.storage.kv.server.ledger import END, Entry, Ledger
from offchain.storage.kv.server.replay import Attempt, Outcome, Replay

log = get_logger("replay")

TICK_SECONDS = 0.01
TIDY_SECONDS = 600.0
BATCH = 256  # attempts between looks at what else has come
AHEAD_BYTES, AHEAD_FILES = 1 << 20, 256
"""Files that are fetched before their turn, and so before it is known that their sender may write."""


class Replayer:
    """One thread's work; everything else only adds to what it is to try."""

    def __init__(
        self, ledger: Ledger, replay: Replay, patience: float, metrics: Metrics, now: Callable[[], float] = time.time
    ) -> None:
        """`patience` in seconds, counted from when a submission was first seen; `now` gives Unix time."""
        self._ledger = ledger
        self._replay = replay
        self._patience = patience
        self._now = now
        self._lock = threading.Lock()
        self._ready: list[int] = []
        self._arrived: set[int] = set()
        self._absent: set[int] = set()
        self._held: list[frozenset[bytes] | None] = []
        self._lacking: set[int] = set()
        self._ahead = -1
        self.fetcher: Fetcher | None = None
        """Set by whoever wires both."""
        self._decided = metrics.counter("kv_decided", "Submissions that were decided.", "result")
        self._reopened = metrics.counter("kv_reopened", "Submissions that a late file made undecided again.")

    @property
    def services(self) -> list[Service]:
        """Replays, and tidies up behind reorganisations."""
        return [Service("replay streams", self._run), Service.repeating("remove old files", self._tidy)]

    def added(self, seqs: Iterable[int]) -> None:
        """New submissions wait."""
        with self._lock:
            for seq in seqs:
                heapq.heappush(self._ready, seq)

    def undone(self, seq: int) -> None:
        """The chain took `seq` and later ones back."""
        with self._lock:
            self._ahead = min(self._ahead, seq - 1)
            self._lacking = {number for number in self._lacking if number < seq}

    def arrived(self, seq: int) -> None:
        """The file of a submission is here."""
        with self._lock:
            self._arrived.add(seq)

    def absent(self, seq: int) -> None:
        """The storage nodes do not have the file of a submission."""
        with self._lock:
            self._absent.add(seq)

    def hold(self, held: frozenset[bytes] | None) -> None:
        """Keep these streams from now on."""
        with self._lock:
            self._held.append(held)

    def idle(self) -> bool:
        """Whether there is nothing to try."""
        with self._lock:
            return not (self._ready or self._arrived or self._absent or self._held)

    async def _run(self, context: Context) -> None:
        await in_thread(self.begin)
        while not context.stopping:
            if self.idle():
                await context.pause(TICK_SECONDS)
            else:
                await in_thread(self.work, lambda: context.stopping)
                context.progress()

    async def _tidy(self) -> float:
        await in_thread(self._replay.sweep)
        return TIDY_SECONDS

    def begin(self) -> None:
        """Take up what an earlier process left."""
        after = -1
        while waiting := self._ledger.waiting(after):
            self.added(entry.seq for entry in waiting)
            after = waiting[-1].seq
        after = -1
        while missing := self._ledger.missing(after):
            for entry in missing:
                self._want(entry)
            after = missing[-1].seq

    def work(self, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Try everything there is to try, up to a batch, or until the server is to stop."""
        with self._lock:
            held, self._held = self._held, []
            arrived, self._arrived = sorted(self._arrived), set()
            absent, self._absent = sorted(self._absent), set()
        for streams in held:
            reopened = self._replay.hold(streams)
            self.undone(min(reopened, default=END))
            self.added(reopened)
        for seq in arrived:
            self._take_back(seq)
        for _ in range(BATCH):
            ready = None if is_stopping() else self._next()
            if ready is None:
                break
            self._attempted(self._replay.attempt(ready))
        self._fetch_ahead()
        for seq in absent:
            self._consider_giving_up(seq)

    def _next(self) -> int | None:
        with self._lock:
            seq = heapq.heappop(self._ready) if self._ready else None
            while self._ready and self._ready[0] == seq:
                heapq.heappop(self._ready)
            return seq

    def _take_back(self, seq: int) -> None:
        self._lacking.discard(seq)
        reopened = self._replay.restore(seq)
        if reopened:
            self._reopened.inc(len(reopened))
            log.warning("a missing file has come: streams are replayed", seq=seq, submissions=len(reopened))
            self.undone(reopened[0])
        self.added([seq, *reopened])

    def _consider_giving_up(self, seq: int) -> None:
        entry = self._ledger.entry(seq)
        if entry is not None and self._is_overdue(entry):
            self._lacking.add(seq)
            self._attempted(self._replay.attempt(seq, give_up=True))

    def _is_overdue(self, entry: Entry) -> bool:
        return self._now() - entry.since >= self._patience

    def _attempted(self, attempt: Attempt) -> None:
        entry = attempt.entry
        if entry is None:
            return
        self.added(attempt.then)
        if attempt.outcome is Outcome.NEEDS_FILE:
            if entry.seq in self._lacking and self._is_overdue(entry):
                self._attempted(self._replay.attempt(entry.seq, give_up=True))
            else:
                self._want(entry)
        if attempt.outcome is Outcome.GONE:
            self._replay.drop(entry)
        if attempt.verdict is not None:
            self._lacking.discard(entry.seq)
            self._tell(entry, attempt.verdict)
            if attempt.verdict.result == MISSING:
                self._want(entry)
            else:
                self._done_with(entry)

    def _done_with(self, entry: Entry) -> None:
        if self.fetcher is not None:
            self.fetcher.drop(entry.seq)
        self._replay.drop(entry)

    def _fetch_ahead(self) -> None:
        while self.fetcher is not None and self.fetcher.count < AHEAD_FILES:
            entries = self._ledger.waiting(self._ahead, AHEAD_FILES)
            if not entries:
                return
            for entry in entries:
                if entry.size <= AHEAD_BYTES:
                    self._want(entry)
            with self._lock:
                self._ahead = entries[-1].seq

    def _want(self, entry: Entry) -> None:
        if self.fetcher is not None:
            self.fetcher.want(entry)

    def _tell(self, entry: Entry, verdict: Verdict) -> None:
        self._decided.labels(verdict.result.partition(":")[0]).inc()
        tell = log.warning if verdict.result == MISSING else log.info
        tell("decided", seq=entry.seq, result=verdict.result, reason=verdict.reason or None)
