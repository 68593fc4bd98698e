"""A miner that died between any two steps of sending an answer goes on with it, and signs nothing twice."""

import pytest

from offchain.errors import InsufficientFunds, RemoteRefused
from tests.doubles.mine import Office


@pytest.fixture
def office(miner):
    return Office(miner)


def test_restart__found_and_not_sent__is_sent_once(office):
    [name] = office.find()
    office.mine.client.head = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        office.advance()
    del office.mine.client.head
    office.start()
    office.advance()
    office.advance()
    assert list(office.sender.sent) == [name]


def test_restart__signed_and_not_noted__is_not_signed_again_and_won(office):
    [name] = office.find()
    office.miner.book.sent = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        office.advance()
    del office.miner.book.sent
    office.mine.offer(None)
    office.start()
    office.sender.refuse = AssertionError("it was signed already")
    office.advance()
    assert office.miner.book.counts() == {"sent": 1}
    office.sender.mine(name)
    office.advance()
    assert office.outcomes() == {"won": 1}


def test_restart__signed_and_refused_meanwhile__is_lost(office):
    [name] = office.find()
    office.miner.book.sent = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        office.advance()
    del office.miner.book.sent
    office.start()
    office.sender.revert(name, "mine: outside the window")
    office.advance()
    assert office.outcomes() == {"late": 1}


@pytest.mark.parametrize(
    "error", [InsufficientFunds("0x00", 5, "for gas"), RemoteRefused("http://rpc.test", -32000, "no")]
)
def test_restart__signed_and_not_taken__waits_says_so_and_goes_on(office, error):
    [name] = office.find()
    office.miner.book.sent = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        office.advance()
    del office.miner.book.sent
    office.sender.settled[name] = error
    office.start()
    office.advance()
    assert office.submitting.problem == str(error)
    assert office.miner.book.counts() == {"sent": 1}
    office.sender.mine(name)
    office.advance()
    assert office.outcomes() == {"won": 1}
    assert office.submitting.problem is None


def test_restart__answers_on_their_way__take_room(office):
    office.find(2)
    office.advance()
    office.mine.room = 2
    office.start()
    office.advance()
    assert not office.submitting.has_room()


def test_restart__other_epoch__what_was_found_is_late(office):
    office.find()
    office.mine.client.head = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        office.advance()
    del office.mine.client.head
    office.mine.offer(office.miner.job(epoch=2))
    office.start()
    office.advance()
    assert office.sender.sent == {}
    assert office.outcomes() == {"late": 1}
