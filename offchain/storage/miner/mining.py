"""Mines while there is a job, on so many threads; sleeps otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.miner.allowance import Allowance
from offchain.storage.miner.job import Job
from offchain.storage.miner.rounds import Buffer, Find, Round, Tally
from offchain.storage.miner.shelf import Shelf

NAP, LOOK_SECONDS = 1.0, 0.1
SMOOTHING = 0.2
"""How much the newest second counts in the hash rate."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Threads that mine; seconds of CPU and bytes from disk that they may use per second, together with sealing."""

    threads: int
    cpu: Allowance
    disk: Allowance


class Mining:
    """Threads that try nonces of the present job."""

    def __init__(
        self,
        shelf: Shelf,
        limits: Limits,
        found: Callable[[Find], None],
        has_room: Callable[[], bool],
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`found` is told of each answer, from the threads that find them; `has_room` says whether more are of use."""
        self._shelf = shelf
        self._limits = limits
        self._found = found
        self._has_room = has_room
        self._now = now
        self._job: Job | None = None
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self.hash_rate = 0.0
        """Hashes a second, lately."""
        self._hashes = metrics.counter("miner_hashes", "Qualities that were compared with the bound.")
        self._loads = metrics.counter("miner_loads", "Sealed loads that were read and scanned.")
        self._bytes = metrics.counter("miner_read_bytes", "Bytes that were read from sealed loads.")
        self._reading = metrics.counter("miner_read_seconds", "Seconds that threads waited for the disk.")
        self._working = metrics.counter("miner_work_seconds", "Seconds of CPU that threads mined.")
        metrics.gauge("miner_hash_rate_per_second", "Hashes a second, lately.").set_function(lambda: self.hash_rate)
        self._lock = threading.Lock()
        self._total = 0
        self._measured = now()

    @property
    def is_busy(self) -> bool:
        """Whether there is something to mine."""
        return self._job is not None and not self._shelf.is_empty and self._has_room()

    @property
    def service(self) -> Service:
        """Mines."""
        return Service("mine", self._run)

    def work_on(self, job: Job | None) -> None:
        """Try nonces of `job` from now on; None for none."""
        with self._changed:
            self._job = job
            self._changed.notify_all()

    async def _run(self, context: Context) -> None:
        self._stopped.clear()
        with ThreadPoolExecutor(self._limits.threads, "mine") as pool:
            threads = [pool.submit(self._mine) for _ in range(self._limits.threads)]
            try:
                while not context.stopping:
                    _raise_from(threads)
                    context.progress()
                    self._measure()
                    await context.pause(NAP)
            finally:
                self._stopped.set()
                self.work_on(self._job)
                await in_thread(pool.shutdown)
        _raise_from(threads)

    def _mine(self) -> None:
        """One thread: while the disk reads ahead for one round, the one before is scanned."""
        buffer = Buffer()
        rounds, begun = [Round(self._shelf, buffer), Round(self._shelf, buffer)], False
        while job := self._next_job():
            started = time.thread_time()
            rounds.reverse()
            rounds[0].begin(job)
            tally = rounds[1].finish() if begun else None
            begun = True
            spent = time.thread_time() - started
            self._stopped.wait(max(self._limits.cpu.use(spent), self._count(tally, spent)))

    def _next_job(self) -> Job | None:
        """The job to try nonces of, once there is one; None at the end."""
        with self._changed:
            while not self._stopped.is_set():
                if self.is_busy:
                    return self._job
                self._changed.wait(LOOK_SECONDS)
        return None

    def _count(self, tally: Tally | None, spent: float) -> float:
        """Note what a round did; the seconds to pause for the disk's sake."""
        self._working.inc(spent)
        if tally is None:
            return 0.0
        for find in tally.finds:
            self._found(find)
        for counter, amount in ((self._hashes, tally.hashes), (self._loads, tally.loads), (self._bytes, tally.bytes)):
            counter.inc(amount)
        self._reading.inc(tally.seconds)
        with self._lock:
            self._total += tally.hashes
        return self._limits.disk.use(tally.bytes)

    def _measure(self) -> None:
        now = self._now()
        with self._lock:
            rate, self._total = self._total / max(now - self._measured, 1e-9), 0
        self._measured = now
        self.hash_rate += SMOOTHING * (rate - self.hash_rate) if self.hash_rate and rate else rate - self.hash_rate


def _raise_from(threads: list[Future[None]]) -> None:
    """Raise what ended a thread."""
    for thread in threads:
        if thread.done():
            thread.result()
