"""Sends what was found: each answer at most once, none that the mine would refuse."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from offchain.chain.contracts.mine import MineContract
from offchain.chain.contracts.reward import RewardContract
from offchain.chain.outcomes import Cancelled
from offchain.chain.sender import TransactionSender
from offchain.chain.types import PreparedCall, Receipt
from offchain.errors import (
    BadSettings,
    Busy,
    InsufficientFunds,
    Invalid,
    NotFound,
    RemoteRefused,
    TransactionReverted,
    ZgError,
)
from offchain.protocol.pora import PoraAnswer
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.storage.miner.answer_book import WON, Answer, AnswerBook, name_of
from offchain.storage.miner.answers import Answers
from offchain.storage.miner.job import Job, Jobs
from offchain.storage.miner.rounds import Find

log = get_logger("answers")

PAUSE_SECONDS = 0.1
NO_EPOCH = -1
CHEAP, CANCELLED, DISTRUSTED, OTHER = "not worth it", "cancelled", "held back", "refused"
OUTCOMES = {
    "mine: outside the window": "late",
    "mine: wrong context": "late",
    "mine: start is forgotten": "late",
    "mine: epoch is full": "epoch full",
    "mine: not good enough": "not good enough",
    "mine: known answer": "known",
    CHEAP: CHEAP,
    CANCELLED: CANCELLED,
    DISTRUSTED: DISTRUSTED,
}
"""What became of answers, by the words of the mine."""

BAD_LUCK = {"late", "epoch full", "known", CANCELLED}
"""What may become of an answer that was right when it was sent."""


class Submitting:
    """Takes finds from the threads that mine, and sees each through to its end."""

    def __init__(
        self,
        jobs: Jobs,
        answers: Answers,
        book: AnswerBook,
        mine: MineContract,
        reward: RewardContract,
        sender: TransactionSender,
        min_reward: int,
        pause: float,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Answers that would earn less than `min_reward` wei are not sent; `pause` in seconds between looks at others.

        `now` gives Unix time, `clock` seconds that never go backwards.
        """
        self._jobs = jobs
        self._answers = answers
        self._book = book
        self._mine = mine
        self._reward = reward
        self._sender = sender
        self._min_reward = min_reward
        self._pause = pause
        self._now = now
        self._clock = clock
        self._due = clock()
        self._lock = threading.Lock()
        self._finds = deque[Find]()
        self._open: dict[str, int] = {}
        self._resumed = False
        self._distrusted = NO_EPOCH
        self.problem: str | None = None
        """Why answers are not sent."""
        self._outcomes = metrics.counter("miner_answers", "Answers by what became of them.", "outcome")
        self._spare = metrics.counter("miner_spare_answers", "Answers that the epoch had no room for.")
        self._earned = metrics.counter("miner_earned_wei", "Wei that accepted answers earned.")

    @property
    def service(self) -> Service:
        """Submits."""
        return Service.repeating("submit answers", self._step)

    def has_room(self) -> bool:
        """Whether the mine takes more answers in this epoch than are on their way; asked from any thread."""
        job = self._jobs.job
        return job is not None and self._room(job.context.epoch) > 0

    def found(self, find: Find) -> None:
        """Something was found; told from any thread."""
        with self._lock:
            if self._room(find.job.context.epoch) <= 0:
                self._spare.inc()
                return
            self._open[name_of(find)] = find.job.context.epoch
            self._finds.append(find)

    def _room(self, epoch: int) -> int:
        if epoch == self._distrusted:
            return 0
        return self._jobs.left - list(self._open.values()).count(epoch)

    async def _step(self) -> float:
        await in_thread(self.advance)
        return PAUSE_SECONDS

    def advance(self) -> None:
        """Do what can be done now about every answer."""
        if not self._resumed:
            self._resume()
        while self._finds:
            find = self._finds.popleft()
            self._book.note(find, self._now())
            log.info("found", epoch=find.job.context.epoch, load=find.load, unit=find.unit)
        waiting = self._book.found()
        if waiting or self._clock() >= self._due:
            for answer in self._book.on_their_way():
                self._settle(answer)
            self._due = self._clock() + self._pause
        if waiting:
            job = self._jobs.look()
            for answer in waiting:
                self._try(answer, job)

    def _resume(self) -> None:
        """What an earlier process signed and could not note any more is on its way."""
        for answer in self._book.found():
            if self._was_signed(answer):
                # What was submitted under this name before stays what it is.
                self._book.sent(answer.name, self._sender.submit(answer.name, PreparedCall(self._mine.address)))
        self._open |= {each.name: each.epoch for each in [*self._book.found(), *self._book.on_their_way()]}
        self._resumed = True

    def _was_signed(self, answer: Answer) -> bool:
        try:
            self._sender.check(answer.name)
        except NotFound:
            return False
        except (Cancelled, InsufficientFunds, RemoteRefused, TransactionReverted) as error:
            log.debug("an answer of an earlier run is not settled well", answer=answer.name, reason=str(error))
        return True

    def _try(self, answer: Answer, job: Job | None) -> None:
        head = self._mine.client.head().number
        if job is None or job.context.digest != answer.context or (job.opening and head + 1 not in job.blocks):
            return self._lose(answer, "mine: outside the window")
        if self._mine.left(answer.epoch) <= sum(each.epoch == answer.epoch for each in self._book.on_their_way()):
            return self._lose(answer, "mine: epoch is full")
        if answer.epoch == self._distrusted:
            return self._lose(answer, DISTRUSTED)
        if self._min_reward and self._worth(answer, job) < self._min_reward:
            return self._lose(answer, CHEAP)
        try:
            built = self._answers.build(answer, job)
            self._answers.check(built, job, head + 1)
        except Busy:
            return None  # the flow is not followed so far yet
        except Invalid as error:
            return self._lose(answer, str(error))
        return self._send(answer, built)

    def _worth(self, answer: Answer, job: Job) -> int:
        """Wei that a proof of this chunk would earn now: half of what is free, the base reward while some is not."""
        fees = self._reward.fees(answer.load // job.parameters.pricing_sectors)
        return fees.claimable // 2 + (min(self._reward.base_reward()) if fees.locked else 0)

    def _send(self, answer: Answer, built: PoraAnswer) -> None:
        try:
            transaction_hash = self._sender.submit(answer.name, self._mine.submit(built))
        except TransactionReverted as reverted:
            return self._lose(answer, reverted.reason)
        except (InsufficientFunds, RemoteRefused) as error:
            return self._hold_back(error)
        self.problem = None
        self._book.sent(answer.name, transaction_hash)
        log.info("sent", epoch=answer.epoch, transaction="0x" + transaction_hash.hex())
        return None

    def _settle(self, answer: Answer) -> None:
        try:
            receipt = self._sender.check(answer.name)
            if receipt is None and self._mine.client.head().number >= answer.until:
                self._sender.cancel(answer.name)
        except TransactionReverted as reverted:
            self._lose(answer, reverted.reason)
            self._sender.forget(answer.name)
            self._distrust(answer, reverted.reason)
        except Cancelled:
            self._lose(answer, CANCELLED)
            self._sender.forget(answer.name)
        except (BadSettings, InsufficientFunds, RemoteRefused) as error:
            self._hold_back(error)
        else:
            if receipt is not None:
                self._win(answer, receipt)
                self._sender.forget(answer.name)

    def _distrust(self, answer: Answer, reason: str) -> None:
        """What was checked here and tried by the RPC was refused on chain and cost gas: one of the three is wrong."""
        if OUTCOMES.get(reason, OTHER) in BAD_LUCK or not reason.startswith("mine: "):
            return
        self._distrusted = answer.epoch
        self.problem = (
            f"an answer that should have been right was mined and refused ({reason}): no more are sent in epoch "
            f"{answer.epoch}; if it happens again, use another RPC"
        )
        log.error("answers are not sent", reason=self.problem)

    def _hold_back(self, error: ZgError) -> None:
        """A person must act, and sealing goes on meanwhile."""
        if self.problem is None:
            log.error("answers are not sent", reason=str(error))
        self.problem = str(error)

    def _win(self, answer: Answer, receipt: Receipt) -> None:
        earned = sum(each.amount for each in self._reward.distributed(receipt.logs))
        if answer.epoch != self._distrusted:
            self.problem = None
        self._book.won(answer.name, receipt.transaction_hash, earned)
        self._outcomes.labels(WON).inc()
        self._close(answer)
        self._earned.inc(earned)
        gas = receipt.gas_used * receipt.gas_price
        log.info("won", epoch=answer.epoch, wei=earned, gas_wei=gas, block=receipt.block_number)

    def _lose(self, answer: Answer, reason: str) -> None:
        outcome = OUTCOMES.get(reason, OTHER)
        self._book.lost(answer.name, outcome if outcome != OTHER else reason)
        self._outcomes.labels(outcome).inc()
        self._close(answer)
        log.warning("lost", epoch=answer.epoch, outcome=outcome, reason=reason)

    def _close(self, answer: Answer) -> None:
        with self._lock:
            self._open.pop(answer.name, None)
