"""What the mine would take from this miner now."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from offchain.chain.contracts.mine import MineContract, WorkerContext
from offchain.errors import TransactionReverted
from offchain.protocol.epochs import Context
from offchain.protocol.pora import Parameters, subtask_digest, window
from offchain.protocol.recall import Task, bound_of
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.storage.miner.holding import Holding

log = get_logger("jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """Work that may win: qualities up to `bound`, in transactions of the blocks in `blocks`.

    `opening` is the hash of the block before them. It is None when the mine goes by other parameters than it tells, as
    it does from a change of them to the next proof: then `blocks` may be wrong.
    """

    context: Context
    task: Task
    target: int
    bound: int
    parameters: Parameters
    blocks: range
    opening: bytes | None

    @property
    def name(self) -> tuple[bytes, bytes]:
        """What tells it from other jobs, whatever the chain says of it besides."""
        return self.context.digest, self.task.subtask_digest


class Jobs:
    """Asks the mine again and again. `changed` is told of each new job, and of None when there is none."""

    def __init__(
        self,
        mine: MineContract,
        miner_id: bytes,
        holding: Holding,
        metrics: Metrics,
        pause: float,
        changed: Callable[[Job | None], None],
    ) -> None:
        """`pause` in seconds between looks."""
        self._mine = mine
        self._miner_id = miner_id
        self._holding = holding
        self._pause = pause
        self._changed = changed
        self._lock = threading.Lock()
        self.job: Job | None = None
        self.epoch = 0
        """The newest mining epoch, opened or due."""
        self.left = 0
        """Answers that the mine still takes in this epoch."""
        self.problem: str | None = None
        """Why nothing can be mined although the mine is ready."""
        metrics.gauge("miner_epoch", "Newest mining epoch.").set_function(lambda: self.epoch)
        metrics.gauge("miner_window_open", "1 while this miner may prove, else 0.").set_function(
            lambda: int(self.job is not None)
        )
        metrics.gauge("miner_difficulty_hashes", "Hashes that a proof takes on average now.").set_function(
            lambda: (1 << 256) / (self.job.bound + 1) if self.job else 0
        )

    @property
    def service(self) -> Service:
        """Looks at the mine."""
        return Service.repeating("watch the mine", self._step)

    async def _step(self) -> float:
        await in_thread(self.look)
        return self._pause

    def look(self) -> Job | None:
        """Ask now; the job, None while the mine takes nothing from this miner."""
        with self._lock:
            job = self._asked()
            self.left = self._mine.left(self.epoch) if job else 0
            if (job and job.name) != (self.job and self.job.name):
                self._tell(job)
            if job != self.job:
                self.job = job
                self._changed(job)
            return job

    def _asked(self) -> Job | None:
        try:
            told = self._mine.worker_context(self._miner_id)
        except TransactionReverted as reverted:
            # Before the flow's launch, or when the window's first block is too old for the chain to tell its hash.
            self.problem = f"the mine does not tell what to mine: {reverted.reason}"
            return None
        self.epoch = told.context.epoch
        return self._job(told)

    def _job(self, told: WorkerContext) -> Job | None:
        context, shards = told.context, self._holding.shard.count
        within = self._holding.range(context.flow_length)
        if shards > told.max_shards:
            self.problem = f"the mine takes at most {told.max_shards} shards, this miner holds one of {shards}"
        elif within is None and told.target:
            self.problem = f"a flow of {context.flow_length} sectors has no range to mine from here"
        else:
            self.problem = None
        if within is None or self.problem or not told.target:
            return None
        task = Task(self._miner_id, told.subtask_digest, within)
        bound = bound_of(told.target, within, context.flow_length)
        if self.job and self.job.opening and self.job.name == (context.digest, told.subtask_digest):
            return replace(self.job, task=task, target=told.target, bound=bound)
        parameters = self._mine.parameters()
        blocks = window(context, self._miner_id, parameters)
        opening = self._mine.client.header(blocks.start - 1).hash
        known = subtask_digest(context, opening) == told.subtask_digest
        return Job(context, task, told.target, bound, parameters, blocks, opening if known else None)

    def _tell(self, job: Job | None) -> None:
        if job is None:
            log.info("nothing to mine", epoch=self.epoch, problem=self.problem)
            return
        blocks = f"{job.blocks.start} to {job.blocks.stop - 1}"
        log.info("mining", epoch=self.epoch, blocks=blocks, hashes=(1 << 256) // (job.bound + 1))
