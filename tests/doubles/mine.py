"""A mine, a reward and a sender that do what a test says, for miners that think they speak to a chain."""

from dataclasses import replace
from types import SimpleNamespace

from offchain.chain.contracts.mine import WorkerContext
from offchain.chain.contracts.reward import ChunkFees, Distributed
from offchain.chain.outcomes import Cancelled
from offchain.chain.types import Header, PreparedCall, Receipt
from offchain.errors import NotFound, TransactionReverted
from offchain.protocol.keccak import keccak256
from offchain.runtime.metrics import Metrics
from offchain.storage.miner.answer_book import name_of
from offchain.storage.miner.job import Jobs
from offchain.storage.miner.rounds import Buffer, Round
from offchain.storage.miner.submitting import Submitting
from tests.doubles.clock import FakeClock
from tests.doubles.files import File

SEGMENT = 262_144
MINE, REWARD, FLOW = ("0x" + pair * 20 for pair in ("31", "32", "33"))
BENEFICIARY = "0x" + "be" * 20


class FakeChainClient:
    """A head, and headers."""

    def __init__(self):
        self.number = 100
        self.openings = {}

    def head(self):
        return self.header(self.number)

    def header(self, number):
        return Header(number, self.openings.get(number, keccak256(b"block", number.to_bytes(8, "big"))), bytes(32), 0)


class FakeMine:
    """Offers the jobs of a test; `left` answers are still taken."""

    def __init__(self, job):
        self.client = FakeChainClient()
        self.address = MINE
        self.room = 8
        self.asked = []
        self.beneficiary_now = BENEFICIARY
        self.refuse = None
        """What `worker_context` raises."""
        self.offer(job)

    def offer(self, job):
        """What it offers from now on, None for nothing; `job.blocks` has begun."""
        self.job = job
        if job:
            self.client.number = max(self.client.number, job.blocks.start)
            self.client.openings[job.blocks.start - 1] = job.opening

    def worker_context(self, miner_id):
        self.asked.append("context")
        if self.refuse:
            raise self.refuse
        if self.job is None:
            return WorkerContext(self.last, 0, bytes(32), 16)
        self.last = self.job.context
        return WorkerContext(self.last, self.job.target, self.job.task.subtask_digest, self.job.parameters.max_shards)

    def parameters(self):
        self.asked.append("parameters")
        return self.job.parameters

    def left(self, epoch):
        return self.room

    def beneficiary(self, miner_id):
        return self.beneficiary_now

    def submit(self, answer):
        return PreparedCall(MINE, answer.nonce)


class FakeReward:
    """Owes what a test says; each proof earns 7 wei."""

    def __init__(self):
        self.address = REWARD
        self.owes = 0
        self.claimable, self.locked, self.base = 100, 0, (0, 0)

    def fees(self, chunk):
        return ChunkFees(self.locked, self.claimable, 0)

    def base_reward(self):
        return self.base

    def owed(self, payee):
        return self.owes

    def withdraw(self, payee):
        return PreparedCall(REWARD, payee.encode())

    def withdrawn(self, logs):
        return [7 for _ in logs]

    def distributed(self, logs):
        return [Distributed(0, BENEFICIARY, bytes(32), 7, log) for log in logs]


class FakeSender:
    """Remembers what it was given; a test says what becomes of it."""

    def __init__(self):
        self.sent = {}
        self.settled = {}
        self.forgotten, self.cancelled = [], []
        self.refuse = None
        """What `submit` raises."""

    def submit(self, key, call):
        if key not in self.sent:
            if self.refuse:
                raise self.refuse
            self.sent[key] = call
        return keccak256(key.encode())

    def check(self, key):
        if key not in self.sent:
            raise NotFound(key)
        outcome = self.settled.get(key)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def cancel(self, key):
        self.cancelled.append(key)

    def forget(self, key):
        self.forgotten.append(key)

    def mine(self, key, logs=("a log",)):
        """The transaction of `key` is mined."""
        self.settled[key] = Receipt(keccak256(key.encode()), 7, bytes(32), True, 1, 1, tuple(logs))

    def revert(self, key, reason):
        self.settled[key] = TransactionReverted(reason, "0x00")

    def take_back(self, key):
        self.settled[key] = Cancelled(key, bytes(32))


class FakeFlow:
    """A flow of which `opened` is the epoch that was opened last."""

    def __init__(self):
        self.opened_epoch = 0

    def epoch(self):
        return self.opened_epoch

    def open_epochs(self):
        return PreparedCall(FLOW, b"open")


class FakeJournal(SimpleNamespace):
    """Knows what a sender has settled."""

    def settled(self, key):
        return self.sender.settled.get(key)


def harder(job, target):
    """The same job with another target."""
    return replace(job, target=target)


class Office:
    """A miner that has sealed something, and the mine it sends answers to."""

    def __init__(self, miner, target=1 << 252):
        miner.submit(File.random(6 * SEGMENT))
        miner.open_epoch()
        miner.seal()
        self.miner, self.job = miner, miner.job(target=target)
        self.mine, self.reward, self.sender = FakeMine(self.job), FakeReward(), FakeSender()
        self.start()

    def start(self, min_reward=0):
        """A new process."""
        self.metrics, self.clock = Metrics("test", "0"), FakeClock()
        self.jobs = Jobs(self.mine, self.miner.miner_id, self.miner.holding, self.metrics, 1.0, lambda _: None)
        self.jobs.look()
        self.submitting = Submitting(
            self.jobs,
            self.miner.answers,
            self.miner.book,
            self.mine,
            self.reward,
            self.sender,
            min_reward,
            1.0,
            self.metrics,
            lambda: 1_700_000_000.0,
            self.clock.now,
        )

    def find(self, count=1):
        """Tell of so many finds; returns their names."""
        trying, found = Round(self.miner.shelf, Buffer(8)), []
        while len(found) < count:
            trying.begin(self.job)
            found += trying.finish().finds
        for each in found[:count]:
            self.submitting.found(each)
        return [name_of(each) for each in found[:count]]

    def advance(self):
        self.clock.time += 1
        self.submitting.advance()

    def outcomes(self):
        return {
            name.split("=")[1].rstrip("}"): count
            for name, count in self.metrics.values().items()
            if name.startswith("zg_miner_answers_total")
        }
