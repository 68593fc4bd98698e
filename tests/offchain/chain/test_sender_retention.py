"""What the sender still knows of intents that were settled long ago."""

import pytest

from offchain.chain.outcomes import Cancelled
from offchain.chain.sender import SendPolicy
from offchain.errors import ChainInconsistent, Invalid, NotFound, TransactionReverted
from tests.doubles.rpc import FakeChain
from tests.doubles.sending import PAYER, TARGET, World, transfer

KEEP = 10


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, policy=SendPolicy(keep_blocks=KEEP, poll=1))


def age(world):
    """Let what is settled become old; a settlement is when the journal is looked through."""
    world.chain.mine(count=KEEP + 1)
    world.sender.send("later", transfer(77))


def is_pruned(world, key):
    return not world.journal.of_key(key)[0].raw


def test_send__same_key_after_its_bytes_are_gone__returns_the_same_receipt(world):
    first = world.sender.send("one", transfer(5))
    age(world)
    assert is_pruned(world, "one")
    for sender in (world.sender, world.restarted()):
        assert sender.send("one", transfer(5)) == first
        assert sender.send("one", transfer(5), cap=0) == first
        sender.cancel("one")
    assert world.mined() == [(0, 5), (1, 77)]


def test_settle__young__keeps_the_bytes_for_a_reorganisation(world):
    world.sender.send("one", transfer(5))
    world.chain.mine(count=KEEP - 1)
    world.sender.send("later", transfer(77))
    assert not is_pruned(world, "one")
    world.chain.fork(len(world.chain.blocks) - 1, [], [])
    world.chain.pool.clear()
    world.passes("one", 20)
    world.chain.mine()
    assert world.sender.check("one").succeeded


def test_check__pruned_and_failed__still_says_that_it_failed(world):
    digest = world.sender.submit("one", transfer(5))
    world.chain.reverts[TARGET] = "market: too little"
    world.chain.mine()
    with pytest.raises(TransactionReverted, match="market: too little"):
        world.sender.check("one")
    honest = world.chain.reverts
    world.chain.reverts = {}
    age(world)
    world.chain.reverts = honest
    with pytest.raises(TransactionReverted, match=f"0x{digest.hex()}: unknown, as it was long ago"):
        world.sender.check("one")


def test_check__pruned_and_cancelled__stays_cancelled(world):
    world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    with pytest.raises(Cancelled):
        world.sender.wait("one")
    age(world)
    assert is_pruned(world, "one")
    with pytest.raises(Cancelled):
        world.restarted().send("one", transfer(5))


def test_check__pruned_and_the_rpc_forgot_its_receipt__is_neither_lost_nor_sent_again(world):
    world.sender.send("one", transfer(5))
    age(world)
    world.chain.eth_getTransactionReceipt = lambda digest: None
    sent = len(world.chain.broadcast)
    for ask in (world.sender.check, world.sender.cancel):
        with pytest.raises(ChainInconsistent, match="which was one long ago"):
            ask("one")
    assert len(world.chain.broadcast) == sent
    assert world.journal.settled("one")


def test_check__rpc_that_knows_nothing_of_the_past__sends_nothing(world):
    world.sender.send("one", transfer(5))
    age(world)
    world.sender.submit("two", transfer(6))
    other = FakeChain()
    world.chain.blocks, world.chain.pool = other.blocks, other.pool
    world.tick(20)
    with pytest.raises(ChainInconsistent, match="counts nonce 0 of .* as free, where one was mined long ago"):
        world.sender.check("two")
    assert not [place for place in world.chain.pool if place == (PAYER.address, 0)]


def test_forget__settled__is_a_new_intent_once_it_is_old(world):
    first = world.sender.send("one", transfer(5))
    world.sender.forget("one")
    assert world.sender.send("one", transfer(5)) == first
    age(world)
    with pytest.raises(NotFound):
        world.sender.check("one")
    assert world.sender.send("one", transfer(6)) != first
    assert world.mined() == [(0, 5), (1, 77), (2, 6)]


def test_forget__not_settled__is_refused(world):
    world.sender.submit("one", transfer(5))
    with pytest.raises(Invalid, match="one is not settled"):
        world.sender.forget("one")


def test_forget__never_submitted__is_not_found(world):
    with pytest.raises(NotFound):
        world.sender.forget("one")


def test_resume__filler_settled__is_forgotten_when_it_is_old(world):
    world.outsider_sends(0)
    world.sender.submit("one", transfer(5))
    del world.chain.pool[PAYER.address, 0]
    world.passes("one", 20)
    world.chain.mine()
    world.restarted().send("one", transfer(5))
    assert world.journal.settled("gap:0")
    age(world)
    assert world.journal.of_nonce(0) == []
    assert is_pruned(world, "one")


def test_submit__key_of_a_filler__is_refused(world):
    with pytest.raises(Invalid, match="keys that begin with gap:"):
        world.sender.submit("gap:0", transfer(5))
