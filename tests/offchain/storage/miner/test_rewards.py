import pytest

from offchain.errors import TransactionReverted
from offchain.runtime.metrics import Metrics
from offchain.storage.miner.rewards import PAUSE_SECONDS, Rewards
from tests.doubles.mine import BENEFICIARY, FakeJournal, FakeMine, FakeReward, FakeSender
from tests.doubles.running import run_service


class Office:
    def __init__(self, withdraw_above=None):
        self.mine, self.reward, self.sender = FakeMine(None), FakeReward(), FakeSender()
        self.metrics = Metrics("test", "0")
        journal = FakeJournal(sender=self.sender)
        self.rewards = Rewards(self.mine, self.reward, bytes(32), self.sender, journal, withdraw_above, self.metrics)

    def look(self, owes):
        self.reward.owes = owes
        self.rewards.look()
        return list(self.sender.sent)


def test_look__something_owed__is_told_and_left_there():
    office = Office()
    assert office.look(10**20) == []
    assert office.rewards.owed == office.metrics.values()["zg_miner_owed_wei"] == 10**20


@pytest.mark.parametrize(("owed", "sent"), [(99, []), (100, ["withdraw:0"])])
def test_look__enough_owed__is_withdrawn(owed, sent):
    office = Office(100)
    assert office.look(owed) == sent


def test_look__again_and_again__one_withdrawal_at_a_time():
    office = Office(100)
    office.look(100)
    assert office.look(150) == ["withdraw:0"]
    office.sender.mine("withdraw:0")
    assert office.look(160) == ["withdraw:0", "withdraw:1"]
    assert office.sender.sent["withdraw:1"].data == BENEFICIARY.encode()


def test_look__mined__is_counted():
    office = Office(100)
    office.look(100)
    office.sender.mine("withdraw:0")
    office.sender.sent.pop("withdraw:0")
    office.sender.settled.clear()
    office.look(0)
    assert office.metrics.values()["zg_miner_withdrawals_total"] == 0


def test_look__beneficiary_that_refuses__goes_on():
    office = Office(100)
    office.sender.refuse = TransactionReverted("no thanks")
    assert office.look(100) == office.look(200) == []


def test_look__unknown_miner__owes_nothing():
    office = Office(100)
    office.mine.beneficiary_now = None
    assert office.look(100) == []
    assert office.rewards.owed == 0


def test_service__runs__looks():
    office = Office()
    office.reward.owes = 5
    assert run_service(office.rewards.service).waited == [PAUSE_SECONDS]
    assert office.rewards.owed == 5
