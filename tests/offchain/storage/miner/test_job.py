from dataclasses import replace

import pytest

from offchain.errors import TransactionReverted
from offchain.protocol.recall import bound_of
from offchain.protocol.shards import Shard
from offchain.runtime.metrics import Metrics
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.job import Jobs
from tests.doubles.files import File
from tests.doubles.mine import FakeMine
from tests.doubles.miner_parts import MINER_ID, PARAMETERS
from tests.doubles.running import run_service


@pytest.fixture
def job(miner):
    miner.submit(File.random(1_000_000))
    return miner.job(target=1 << 250)


@pytest.fixture
def mine(job):
    return FakeMine(job)


class Watching:
    """Jobs and what they told."""

    def __init__(self, mine, holding=None):
        self.told, self.metrics = [], Metrics("test", "0")
        self.jobs = Jobs(mine, MINER_ID, holding or Holding(), self.metrics, 1.0, self.told.append)


@pytest.fixture
def watching(mine):
    return Watching(mine)


def test_look__window_open__is_the_job(watching, job):
    assert watching.jobs.look() == job
    assert job.bound == bound_of(job.target, job.task.range, job.context.flow_length)
    assert watching.told == [job]
    assert (watching.jobs.epoch, watching.jobs.left, watching.jobs.problem) == (1, 8, None)


def test_look__nothing_new__asks_for_the_context_only_and_tells_nothing(watching, mine):
    for _ in range(3):
        watching.jobs.look()
    assert mine.asked == ["context", "parameters", "context", "context"]
    assert len(watching.told) == 1


def test_look__window_closed__is_none(watching, mine):
    watching.jobs.look()
    mine.offer(None)
    assert watching.jobs.look() is None
    assert watching.told[1:] == [None]
    assert watching.jobs.left == 0


def test_look__another_epoch__is_another_job(watching, mine, miner):
    watching.jobs.look()
    mine.offer(miner.job(epoch=2))
    assert watching.jobs.look() == miner.job(epoch=2)
    assert watching.told[1:] == [miner.job(epoch=2)]


def test_look__target_moves__is_the_same_job_with_another_bound(watching, mine, job):
    watching.jobs.look()
    mine.offer(replace(job, target=1 << 240))
    assert watching.jobs.look().bound < job.bound
    assert watching.jobs.job.name == job.name


def test_look__mine_goes_by_other_parameters_than_it_tells__the_window_is_not_relied_upon(watching, mine, job):
    mine.parameters = lambda: replace(PARAMETERS, interval=7, subtasks=40)
    found = watching.jobs.look()
    assert found.opening is None
    assert found.name == job.name
    mine.parameters = lambda: PARAMETERS
    assert watching.jobs.look() == job


@pytest.mark.parametrize(
    ("holding", "words"),
    [
        (Holding(Shard(3, 32)), "the mine takes at most 16 shards, this miner holds one of 32"),
        (Holding(start=1 << 25), "has no range to mine from here"),
    ],
)
def test_look__part_that_the_mine_does_not_take__is_no_job_and_says_why(mine, holding, words):
    watching = Watching(mine, holding)
    assert watching.jobs.look() is None
    assert words in watching.jobs.problem
    assert watching.told == []


def test_look__mine_refuses_to_tell__is_no_job_says_why_and_asks_again(watching, mine, job):
    watching.jobs.look()
    mine.refuse = TransactionReverted("mine: start is forgotten")
    assert watching.jobs.look() is None
    assert watching.told == [job, None]
    assert watching.jobs.left == 0
    assert "mine: start is forgotten" in watching.jobs.problem
    mine.refuse = None
    assert watching.jobs.look() == job
    assert watching.jobs.problem is None


def test_service__runs__asks_again_and_again(watching, mine):
    clock = run_service(watching.jobs.service, 3)
    assert clock.waited == [1.0] * 3
    assert watching.jobs.job == mine.job


def test_metrics__job__are_told(watching, mine):
    watching.jobs.look()
    values = watching.metrics.values()
    assert (values["zg_miner_epoch"], values["zg_miner_window_open"]) == (1, 1)
    assert values["zg_miner_difficulty_hashes"] == pytest.approx(64, rel=0.01)
    mine.offer(None)
    watching.jobs.look()
    assert watching.metrics.values()["zg_miner_window_open"] == 0
