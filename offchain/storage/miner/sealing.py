"""Seals loads in the background: plans them, fetches their data, seals, writes, and only then counts them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from offchain.errors import Corrupted, DiskFull, InvalidProof
from offchain.fast.sealing import seal
from offchain.protocol.recall import LOAD_BYTES
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.client.ahead import ahead
from offchain.storage.miner.allowance import Allowance
from offchain.storage.miner.fetch import Fetched, Sources
from offchain.storage.miner.holding import MAX_SLOTS, Holding
from offchain.storage.miner.plan import Plan, Planner
from offchain.storage.miner.raw_load import RawLoad
from offchain.storage.miner.sealed_file import SealedFile, checksum
from offchain.storage.miner.sealed_loads import SealedLoad, SealedLoads

log = get_logger("sealing")

GROUP = 16
"""Loads that are fetched with one request, sealed together and written down in one transaction."""

IDLE_SECONDS, RETRY_SECONDS, NAP_SECONDS = 0.5, 10.0, 0.5
NICENESS = 10
WEIGHT = 4
"""What is spent on sealing counts so many times while there is something to mine."""


@dataclass(frozen=True, slots=True)
class Group:
    """Loads to be made together, planned when the flow had changed `doubts` times."""

    plans: tuple[Plan, ...]
    doubts: int


@dataclass(frozen=True, slots=True)
class Made:
    """A load that is ready to be counted; `data` is None when it lies on disk already."""

    load: SealedLoad
    data: bytearray | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What sealing works with."""

    holding: Holding
    planner: Planner
    sources: Sources
    file: SealedFile
    loads: SealedLoads


class Sealing:
    """Makes every load of the holding that the flow's contexts cover."""

    def __init__(
        self,
        parts: Parts,
        miner_id: bytes,
        cpu: Allowance,
        at_once: int,
        min_free: int,
        is_mining: Callable[[], bool],
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_once` groups are fetched at a time; nothing is sealed when less than `min_free` bytes would be left."""
        self._parts = parts
        self._miner_id = miner_id
        self._cpu = cpu
        self._at_once = at_once
        self._min_free = min_free
        self._is_mining = is_mining
        self._now = now
        self._waiting: dict[int, float] = {}
        self.problem: str | None = None
        """Why sealing waits."""
        self._sealed = metrics.counter("miner_sealed_loads", "Loads that were sealed.")
        metrics.gauge("miner_seals_done", "Loads that are sealed and count.").set_function(lambda: parts.loads.count)
        metrics.gauge("miner_seals_pending", "Loads that could be sealed and are not.").set_function(self.pending)
        metrics.gauge("miner_files_missing", "Files that no storage node gave lately.").set_function(
            lambda: len(self._waiting)
        )

    @property
    def service(self) -> Service:
        """Seals."""
        return Service("seal", self._run)

    def pending(self) -> int:
        """Loads that could be sealed and are not."""
        return max(self._parts.holding.slots(self._parts.planner.sealable()) - self._parts.loads.count, 0)

    async def _run(self, context: Context) -> None:
        while not context.stopping:
            pause = await in_thread(self.advance, lambda: context.stopping)
            context.progress()
            await context.pause(pause)

    def advance(self, stopping: Callable[[], bool] = lambda: False) -> float:
        """Seal all that can be sealed now; the seconds to pause before there may be more."""
        try:
            for group, made in ahead(lambda each: self._made(each, stopping), self._groups(stopping), self._at_once):
                self._keep(group, made)
            self.problem = None
        except DiskFull as error:
            if self.problem is None:
                log.error("sealing waits for room on the disk", reason=str(error))
            self.problem = str(error)
            return RETRY_SECONDS
        return IDLE_SECONDS

    def _groups(self, stopping: Callable[[], bool]) -> Iterator[Group]:
        """Loads that are missing, in the order of the flow."""
        self._waiting = {seq: until for seq, until in self._waiting.items() if until > self._now()}
        holding, loads, slot = self._parts.holding, self._parts.loads, 0
        while not stopping():
            doubts, plans = loads.doubts, list[Plan]()
            slot = loads.next_missing(slot)
            while len(plans) < GROUP and slot < MAX_SLOTS and (plan := self._parts.planner.plan(holding.load(slot))):
                if beyond := self._unavailable(plan):
                    slot = max(slot + 1, holding.slots(beyond))
                else:
                    plans.append(plan)
                    slot += 1
                slot = loads.next_missing(slot)
            if not plans:
                return
            yield Group(tuple(plans), doubts)

    def _unavailable(self, plan: Plan) -> int | None:
        """The sector behind a file that is waited for; None when there is none in a load."""
        ends = [part.entry.length for part in plan.parts if part.entry.seq in self._waiting]
        return max(ends, default=None)

    def _made(self, group: Group, stopping: Callable[[], bool]) -> tuple[Group, list[Made]]:
        """On a thread of its own: whatever of the group can be made now."""
        _step_back()
        started = time.thread_time()
        again = {plan.load: load for plan in group.plans if (load := self._on_disk(plan))}
        made = [Made(load, None) for load in again.values()]
        fresh = [plan for plan in group.plans if plan.load not in again]
        try:
            fetched = self._parts.sources.loads(fresh)
        except InvalidProof as error:
            # The flow changed meanwhile: plans that are still made in a while are others.
            fetched = Fetched([], {part.entry.seq: str(error) for plan in fresh for part in plan.parts})
        made += [self._seal(raw) for raw in fetched.loads]
        for seq, reason in fetched.missing.items():
            self._postpone(seq, reason)
        spent = time.thread_time() - started
        self._rest(self._cpu.use(spent * (WEIGHT if self._is_mining() else 1)), stopping)
        return group, made

    def _rest(self, seconds: float, stopping: Callable[[], bool]) -> None:
        """For the share's sake. With a small one it takes minutes, which a stop does not wait for."""
        end = self._now() + seconds
        while not stopping() and (left := end - self._now()) > 0:
            time.sleep(min(left, NAP_SECONDS))

    def _on_disk(self, plan: Plan) -> SealedLoad | None:
        """A load that a reorganisation made doubtful, and that turns out to be right."""
        slot = self._slot(plan)
        known = self._parts.loads.find(slot)
        if known is None or known.plan != plan.digest:
            return None
        data = bytearray(LOAD_BYTES)
        try:
            self._parts.file.read_into(slot, memoryview(data))
        except Corrupted:
            return None
        return known if checksum(data) == known.checksum else None

    def _seal(self, raw: RawLoad) -> Made:
        plan = raw.plan
        seal(raw.data, raw.data, self._miner_id, plan.contexts, plan.position)
        return Made(SealedLoad(self._slot(plan), plan.digest, checksum(raw.data), raw.siblings), raw.data)

    def _keep(self, group: Group, made: Sequence[Made]) -> None:
        """Data first, then the marks: whatever moment the process ends in, a load that counts is whole."""
        file, fresh = self._parts.file, [each for each in made if each.data is not None]
        if fresh and file.free() - len(fresh) * LOAD_BYTES < self._min_free:
            raise DiskFull(f"sealing stops while less than {self._min_free >> 20} MiB would be left on the disk")
        for each in made:
            if each.data is not None:
                file.write(each.load.slot, each.data)
        if fresh:
            file.sync()
        if made and self._parts.loads.add([each.load for each in made], group.doubts):
            self._sealed.inc(len(fresh))
            log.debug("sealed", first=group.plans[0].load, loads=len(made))

    def _postpone(self, seq: int, reason: str) -> None:
        if seq not in self._waiting:
            log.debug("a file is not there yet", seq=seq, reason=reason)
        self._waiting[seq] = self._now() + RETRY_SECONDS

    def _slot(self, plan: Plan) -> int:
        slot = self._parts.holding.slot(plan.load)
        assert slot is not None, "only loads of the holding are planned"
        return slot


def _step_back() -> None:
    """Let threads that mine go first where the system can."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
