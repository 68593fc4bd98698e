"""Each answer is sent at most once, none that the mine would refuse, whenever the process dies."""

from dataclasses import replace

import pytest

from offchain.chain.outcomes import Blocked
from offchain.errors import ChainUnavailable, InsufficientFunds, RemoteRefused, TransactionReverted
from tests.doubles.mine import Office
from tests.doubles.running import run_service


@pytest.fixture
def office(miner):
    return Office(miner)


def test_advance__find__is_sent_and_won(office):
    [name] = office.find()
    office.advance()
    assert list(office.sender.sent) == [name]
    assert office.miner.book.counts() == {"sent": 1}
    office.sender.mine(name)
    office.advance()
    [won] = office.miner.book.last_won(5)
    assert (won.name, won.reward, won.epoch) == (name, 7, 1)
    assert office.outcomes() == {"won": 1}
    assert office.metrics.values()["zg_miner_earned_wei_total"] == 7
    assert office.sender.forgotten == [name]


def test_advance__several_finds__are_all_sent_once(office):
    names = office.find(3)
    for _ in range(3):
        office.advance()
    assert sorted(office.sender.sent) == sorted(names)


def test_found__more_than_the_epoch_takes__are_dropped(office):
    office.mine.room = 2
    office.jobs.look()
    assert office.submitting.has_room()
    office.find(5)
    assert not office.submitting.has_room()
    office.advance()
    assert len(office.sender.sent) == 2
    assert office.metrics.values()["zg_miner_spare_answers_total"] == 3


def test_has_room__answers_settled__there_is_room_again(office):
    office.mine.room = 1
    office.jobs.look()
    [name] = office.find()
    office.advance()
    assert not office.submitting.has_room()
    office.sender.revert(name, "mine: epoch is full")
    office.advance()
    assert office.submitting.has_room()


def test_has_room__no_job__has_none(office):
    office.mine.offer(None)
    office.jobs.look()
    assert not office.submitting.has_room()


def test_advance__window_closed_meanwhile__is_late_and_not_sent(office):
    office.find()
    office.mine.offer(None)
    office.advance()
    assert office.sender.sent == {}
    assert office.outcomes() == {"late": 1}


def test_advance__last_block_of_the_window_is_there__is_late(office):
    office.find()
    office.mine.client.number = office.job.blocks.stop - 1
    office.advance()
    assert office.sender.sent == {}
    assert office.outcomes() == {"late": 1}


def test_advance__next_block_is_the_last_one__is_sent(office):
    office.find()
    office.mine.client.number = office.job.blocks.stop - 2
    office.advance()
    assert len(office.sender.sent) == 1


def test_advance__epoch_full__is_not_sent(office):
    office.find()
    office.mine.room = 0
    office.advance()
    assert office.sender.sent == {}
    assert office.outcomes() == {"epoch full": 1}


def test_advance__others_on_their_way__only_as_many_as_there_is_room_for(office):
    office.find(2)
    office.mine.room = 1
    office.advance()
    assert len(office.sender.sent) == 1
    assert office.outcomes() == {"epoch full": 1}


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("mine: wrong context", "late"),
        ("mine: epoch is full", "epoch full"),
        ("mine: not good enough", "not good enough"),
        ("mine: known answer", "known"),
        ("mine: wrong data", "refused"),
        ("something else", "refused"),
    ],
)
def test_advance__mine_refuses_before_it_is_sent__is_counted_with_its_reason(office, reason, outcome):
    office.find()
    office.sender.refuse = TransactionReverted(reason)
    office.advance()
    office.advance()
    assert office.sender.sent == {}
    assert office.outcomes() == {outcome: 1}
    assert office.miner.book.found() == office.miner.book.on_their_way() == []


def test_advance__mined_and_refused__is_counted_with_its_reason(office):
    [name] = office.find()
    office.advance()
    office.sender.revert(name, "mine: epoch is full")
    office.advance()
    assert office.outcomes() == {"epoch full": 1}
    assert office.miner.book.counts() == {"epoch full": 1}


def test_advance__window_passed_and_not_mined__is_taken_back(office):
    [name] = office.find()
    office.advance()
    office.advance()
    assert office.sender.cancelled == []
    office.mine.client.number = office.job.blocks.stop
    office.mine.offer(None)
    office.advance()
    assert office.sender.cancelled == [name]
    office.sender.take_back(name)
    office.advance()
    assert office.outcomes() == {"cancelled": 1}


@pytest.mark.parametrize(
    "error", [InsufficientFunds("0x00", 5, "for gas"), RemoteRefused("http://rpc.test", -32000, "no")]
)
def test_advance__nobody_takes_the_transaction__waits_says_so_and_goes_on(office, error):
    [name] = office.find()
    office.sender.refuse = error
    office.advance()
    assert str(error) == office.submitting.problem
    office.sender.refuse = None
    office.advance()
    assert list(office.sender.sent) == [name]
    assert office.submitting.problem is None


@pytest.mark.parametrize("error", [ChainUnavailable("silent"), Blocked("a", "b", Exception("c"))])
def test_advance__chain_is_away__is_tried_again(office, error):
    [name] = office.find()
    office.sender.refuse = error
    with pytest.raises(type(error)):
        office.advance()
    office.sender.refuse = None
    office.advance()
    assert list(office.sender.sent) == [name]


def test_advance__load_damaged_since__is_lost(office):
    office.find()
    for slot in range(office.miner.loads.count):
        office.miner.damage(slot, 5)
    office.advance()
    assert office.outcomes() == {"refused": 1}
    assert office.sender.sent == {}


def test_advance__pays_less_than_wanted__is_not_sent(office):
    office.start(min_reward=51)
    office.find()
    office.advance()
    assert office.outcomes() == {"not worth it": 1}
    office.reward.claimable = 102
    office.find()
    office.advance()
    assert len(office.sender.sent) == 1


@pytest.mark.parametrize(("locked", "base", "sent"), [(5, (40, 1000), 1), (5, (40, 30), 0), (0, (40, 1000), 0)])
def test_advance__base_reward__counts_as_far_as_a_proof_gets_it(office, locked, base, sent):
    office.reward.claimable, office.reward.locked, office.reward.base = 20, locked, base
    office.start(min_reward=50)
    office.find()
    office.advance()
    assert len(office.sender.sent) == sent


def test_advance__mined_and_refused_for_what_it_is__no_more_are_sent_in_this_epoch(office):
    first, second = office.find(2)
    office.advance()
    office.sender.revert(first, "mine: not good enough")
    office.sender.mine(second)
    office.advance()
    assert "not good enough" in office.submitting.problem
    assert not office.submitting.has_room()
    office.find()
    office.advance()
    assert len(office.sender.sent) == 2
    office.job = office.miner.job(target=1 << 252, epoch=2)
    office.mine.offer(office.job)
    office.jobs.look()
    assert office.submitting.has_room()
    office.find()
    office.advance()
    assert len(office.sender.sent) == 3
    assert office.submitting.problem is None


def test_advance__parameters_about_to_change__the_mine_decides(office):
    office.jobs.job = replace(office.job, opening=None)
    office.mine.parameters = lambda: replace(office.job.parameters, subtasks=40, interval=7)
    office.find()
    office.mine.client.number = office.job.blocks.stop + 3
    office.advance()
    assert len(office.sender.sent) == 1


def test_service__runs__advances(office):
    [name] = office.find()
    run_service(office.submitting.service)
    assert list(office.sender.sent) == [name]
