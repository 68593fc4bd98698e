import pytest

from offchain.errors import InsufficientFunds, RemoteRefused, TransactionReverted
from offchain.runtime.metrics import Metrics
from offchain.storage.miner.job import Jobs
from offchain.storage.miner.opening import LOOKS, MORE_LOOKS, Opening
from tests.doubles.files import File
from tests.doubles.mine import FakeFlow, FakeMine, FakeSender
from tests.doubles.running import run_service

SEGMENT = 262_144


class Office:
    """A miner whose flow has grown, before an epoch that nobody opens."""

    def __init__(self, miner, miner_id=bytes(32)):
        miner.submit(File.random(3 * SEGMENT))
        self.miner, self.flow, self.sender = miner, FakeFlow(), FakeSender()
        self.jobs = Jobs(FakeMine(miner.job(epoch=5)), miner.miner_id, miner.holding, Metrics("t", "0"), 1.0, id)
        self.jobs.look()
        self.flow.opened_epoch = 4
        self.opening = Opening(
            self.flow, self.sender, self.jobs, miner.catalog, miner.ranges, miner.holding, miner_id, 0.5
        )

    def look(self, times):
        for _ in range(times):
            self.opening.look()
        return list(self.sender.sent)


@pytest.fixture
def office(miner):
    return Office(miner)


def test_look__due_and_nobody_opens_it__pays_after_some_patience(office):
    assert office.look(LOOKS) == []
    assert office.look(1) == ["open:5"]


def test_look__already_paid__pays_once(office):
    assert office.look(10 * LOOKS) == ["open:5"]


def test_look__somebody_else_opens_it__pays_nothing(office):
    office.look(LOOKS)
    office.flow.opened_epoch = 5
    assert office.look(10) == []


def test_look__nothing_waits_for_it__pays_nothing(office):
    office.miner.open_epoch()
    assert office.look(20) == []


def test_look__less_than_a_load_waits__pays_nothing(office):
    office.miner.open_epoch()
    office.miner.submit(File.random(70, 1))
    assert office.look(20) == []


def test_look__not_due__pays_nothing(office):
    office.flow.opened_epoch = 5
    assert office.look(20) == []


def test_look__other_miners__have_other_patience(make_miner):
    patience = []
    for first in range(MORE_LOOKS):
        office, looks = Office(make_miner(str(first)), bytes([first]) + bytes(31)), 0
        while not office.look(1):
            looks += 1
        patience.append(looks)
    assert patience == list(range(LOOKS, LOOKS + MORE_LOOKS))


@pytest.mark.parametrize(
    "error",
    [
        TransactionReverted("flow: not launched"),
        InsufficientFunds("0x00", 5, "for gas"),
        RemoteRefused("http://rpc.test", -32000, "no"),
    ],
)
def test_look__refused__tries_again_later(office, error):
    office.sender.refuse = error
    assert office.look(LOOKS + 1) == []
    office.sender.refuse = None
    assert office.look(LOOKS + 1) == ["open:5"]


def test_service__runs__looks(office):
    assert run_service(office.opening.service, LOOKS + 1).waited == [0.5] * (LOOKS + 1)
    assert list(office.sender.sent) == ["open:5"]
