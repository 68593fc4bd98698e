"""Following the flow: what the chain tells is recorded once, and what it takes back is sealed anew."""

import pytest

from offchain.chain.contracts.flow import Opened
from offchain.chain.cursor import Checkpoint, Cursor
from offchain.chain.types import Log
from offchain.chain.watcher import Step
from offchain.errors import ChainInconsistent
from offchain.protocol.keccak import keccak256
from offchain.runtime.metrics import Metrics
from offchain.storage.miner.follow import Follower
from tests.doubles.files import File
from tests.doubles.flow_log import FLOW
from tests.doubles.killing import Doomed, Fuse, Killed
from tests.doubles.running import run_service

SEGMENT = 262_144


class Teller:
    """A chain whose blocks a test makes, and the flow on it; it may lie."""

    def __init__(self, log):
        self.log, self.steps = log, []
        self.height, self.behind, self.covered = 0, 0, 0
        self.ranges = {}
        self.root_after = lambda seq: self.log.trees[seq + 1].root

    # What the follower asks of the flow.
    def submitted(self, logs):
        return [each for each in logs if not isinstance(each, Opened)]

    def opened(self, logs):
        return [each for each in logs if isinstance(each, Opened)]

    def sealed_by(self, digest):
        return self.ranges[digest]

    # What it asks of the watcher.
    def poll(self, cursor):
        return self.steps.pop(0) if self.steps else Step(cursor, self.height)

    def block(self, *files, opens=True):
        """A block in which files are submitted, and then an epoch is opened; the step that tells of it."""
        self.height += 1
        logs = [self.log.submit(file.submission(), self.height) for file in files]
        length = self.log.tree.length
        digest = keccak256(bytes([self.log.fork]), self.height.to_bytes(8, "big"))
        if opens:
            log = Log(FLOW, (), b"", self.height, digest, digest, 9)
            logs.append(Opened(self.height, self.log.tree.root, length, digest, log))
            self.ranges[digest] = self.covered, length
            self.covered = length
        return self._step(logs)

    def fork(self, block):
        """Everything above `block` is undone; the step that tells of it."""
        self.log.roll_back(block)
        self.height = block
        self.covered = max((end for digest, (_, end) in self.ranges.items() if end <= self.log.tree.length), default=0)
        return self._step([], rolled_back_to=block)

    def _step(self, logs, **fields):
        checkpoint = Checkpoint(self.height, keccak256(bytes([self.log.fork, self.height])))
        return Step(Cursor((checkpoint,)), self.height, tuple(logs), behind=self.behind, **fields)


class Office:
    """A miner, and what follows the chain for it."""

    def __init__(self, miner):
        self.miner, self.chain = miner, Teller(miner.flow)
        self.start()

    def start(self, ranges=None, catalog=None):
        """A new process."""
        miner = self.miner
        self.follower = Follower(
            self.chain,
            self.chain,
            catalog or miner.catalog,
            ranges or miner.ranges,
            miner.loads,
            Metrics("test", "0"),
            1.0,
        )

    def tell(self, *steps):
        self.chain.steps += steps
        for _ in steps:
            self.follower.advance()

    def store(self, *files):
        """Files are submitted in a block, nodes have them; the step that tells of it."""
        self.miner.library.add(*files)
        return self.chain.block(*files)

    def assert_sealed(self):
        """All loads count and are sealed as the flow is now."""
        miner = self.miner
        miner.seal()
        count = self.chain.covered // 1024
        assert miner.loads.count == count > 0
        for slot in range(count):
            assert miner.loads.find(slot).plan == miner.planner.plan(slot).digest


@pytest.fixture
def office(miner):
    return Office(miner)


def test_advance__submissions_and_epochs__can_be_sealed(office):
    office.tell(office.store(File.random(3 * SEGMENT)), office.store(File.random(SEGMENT, 1)))
    assert office.follower.height == 2
    office.assert_sealed()


def test_advance__nothing_new__changes_nothing(office):
    office.tell(office.store(File.random(3 * SEGMENT)))
    office.assert_sealed()
    office.follower.advance()
    assert office.miner.loads.count == office.chain.covered // 1024


def test_advance__reorganisation__what_changed_is_sealed_anew(office):
    office.tell(office.store(File.random(3 * SEGMENT)), office.store(File.random(4 * SEGMENT, 1)))
    office.assert_sealed()
    kept = office.miner.loads.find(0)
    office.tell(office.chain.fork(1))
    assert office.miner.loads.count == office.chain.covered // 1024
    office.tell(office.store(File.random(6 * SEGMENT, 2)))
    office.assert_sealed()
    assert office.miner.loads.find(0) == kept


def test_advance__context_of_a_fork_seen_only_in_part__is_forgotten_with_what_it_sealed(office):
    office.tell(office.chain.block(File.random(3 * SEGMENT), opens=False))
    office.miner.library.add(File.random(3 * SEGMENT))
    abandoned = office.store(File.random(100, 1))
    office.chain.root_after = lambda seq: bytes(32)  # the RPC is on another fork already
    with pytest.raises(ChainInconsistent):
        office.tell(abandoned)
    office.miner.seal()
    assert office.miner.loads.count > 0
    office.chain.root_after = lambda seq: office.chain.log.trees[seq + 1].root
    office.chain.log.roll_back(1)
    office.chain.height, office.chain.covered = 1, 0
    office.tell(office.store(File.random(100, 2)))
    office.assert_sealed()


@pytest.mark.parametrize("moment", range(5))
def test_advance__process_dies_at_any_call__the_next_one_records_the_same(office, moment):
    fuse, miner = Fuse(moment), office.miner
    office.start(Doomed(miner.ranges, {"replace"}, fuse), Doomed(miner.catalog, {"apply"}, fuse))
    step = office.store(File.random(3 * SEGMENT))
    try:
        office.tell(step)
    except Killed:
        office.chain.steps = [] if miner.catalog.cursor() else [step]
        miner.restart()
        office.start()
        office.follower.advance()
    office.assert_sealed()
    assert office.follower.height == 1


def test_service__far_behind__does_not_pause(office):
    office.chain.behind = 5
    office.chain.steps = [office.store(File.random(700)), office.store(File.random(800))]
    office.chain.behind = 0
    assert run_service(office.follower.service, 3).waited == [0.0, 0.0, 1.0]
