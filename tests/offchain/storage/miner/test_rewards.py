import pytest
from structlog.testing import capture_logs

from offchain.chain.outcomes import Cancelled
from offchain.errors import InsufficientFunds, RemoteRefused, TransactionReverted
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


def test_look__mined__is_counted_and_told():
    office = Office(100)
    office.look(100)
    office.sender.mine("withdraw:0")
    office.sender.settled, settled = {}, office.sender.settled
    office.sender.check = settled.get  # the journal has it only once the sender was asked
    with capture_logs() as logs:
        office.rewards.look()
    assert office.metrics.values()["zg_miner_withdrawals_total"] == 1
    assert [each["wei"] for each in logs if each["event"] == "withdrew rewards"] == [7]


@pytest.mark.parametrize(
    "error",
    [
        TransactionReverted("no thanks"),
        InsufficientFunds("0x00", 5, "for gas"),
        RemoteRefused("http://rpc.test", -32000, "no"),
    ],
)
def test_look__nobody_takes_the_transaction__goes_on_and_tries_again(error):
    office = Office(100)
    office.sender.refuse = error
    assert office.look(100) == office.look(200) == []
    office.sender.refuse = None
    assert office.look(300) == ["withdraw:0"]


@pytest.mark.parametrize("error", [RemoteRefused("http://rpc.test", -32000, "no"), Cancelled("withdraw:0", bytes(32))])
def test_look__withdrawal_that_waits_or_was_cancelled__goes_on(error):
    office = Office(100)
    office.look(100)
    office.sender.settled["withdraw:0"] = error
    office.rewards.look()
    assert office.metrics.values()["zg_miner_withdrawals_total"] == 0


def test_look__miner_id_passed_on__says_so_once_and_pays_whoever_has_it_now():
    office = Office(100)
    office.look(50)
    office.mine.beneficiary_now = "0x" + "bb" * 20
    with capture_logs() as logs:
        office.look(100)
        office.look(100)
    told = [(each["before"], each["now"]) for each in logs if each["event"] == "rewards go to another beneficiary now"]
    assert told == [(BENEFICIARY, "0x" + "bb" * 20)]
    assert office.rewards.beneficiary == "0x" + "bb" * 20
    assert office.sender.sent["withdraw:0"].data == office.rewards.beneficiary.encode()


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
