"""Transactions that wait, fail, vanish, lose their nonce or their block."""

import logging

import pytest

from offchain.chain.sender import SendPolicy
from offchain.errors import NonceConflict, NotFound, TransactionReverted
from tests.doubles.rpc import RpcFault, parse_raw
from tests.doubles.sending import GWEI, PAYER, TARGET, World, transfer


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_check__key_never_submitted__is_not_found(world):
    with pytest.raises(NotFound):
        world.sender.check("one")


def test_check__not_mined__is_none(world):
    world.sender.submit("one", transfer(5))
    assert world.sender.check("one") is None


def test_check__mined_and_failed__raises_the_reason_and_hash_again_and_again(world):
    digest = world.sender.submit("one", transfer(5))
    world.chain.reverts["0x" + TARGET[2:]] = "market: too little"
    world.chain.mine()
    for _ in range(2):
        with pytest.raises(TransactionReverted, match="market: too little") as refusal:
            world.sender.check("one")
        assert refusal.value.transaction_hash == "0x" + digest.hex()
    assert world.mined() == [(0, 5)]


def test_check__confirmations__waits_for_blocks_on_top(tmp_path):
    world = World(tmp_path, policy=SendPolicy(confirmations=3))
    world.sender.submit("one", transfer(5))
    for _ in range(3):
        world.chain.mine()
        assert world.sender.check("one") is None
    world.chain.mine()
    assert world.sender.check("one").block_number == 1


def test_check__reorganised_away__is_broadcast_again_with_the_same_bytes(tmp_path):
    world = World(tmp_path, policy=SendPolicy(confirmations=2))
    world.sender.submit("one", transfer(5))
    world.chain.mine()
    world.chain.fork(1, [], [])
    world.tick(20)
    assert world.sender.check("one") is None
    world.chain.mine(count=3)
    assert world.sender.check("one").succeeded
    assert len(set(world.chain.broadcast)) == 1
    assert world.mined() == [(0, 5)]


def test_check__receipt_of_a_lost_fork__is_not_believed(tmp_path):
    world = World(tmp_path, policy=SendPolicy(confirmations=2))
    digest = world.sender.submit("one", transfer(5))
    world.chain.mine()
    stale = world.chain.eth_getTransactionReceipt("0x" + digest.hex())
    world.chain.fork(1, [], [], [], [])
    world.chain.eth_getTransactionReceipt = lambda digest: stale
    assert world.sender.check("one") is None
    assert world.journal.settled("one") is None


def test_check__settled_then_reorganised_away__is_sent_again(world, caplog):
    world.sender.send("one", transfer(5))
    world.chain.fork(1, [], [])
    world.tick(20)
    assert world.sender.check("one") is None
    assert "reorganisation took it back" in caplog.text
    world.chain.mine()
    assert world.sender.check("one").succeeded
    assert world.mined() == [(0, 5)]


def test_check__waits_too_long__offers_more_under_the_same_nonce(world):
    world.chain.floor = 5 * GWEI
    first = world.sender.submit("one", transfer(5))
    for _ in range(6):
        world.tick(46)
        assert world.sender.check("one") is None
    offers = [parse_raw(raw) for raw in world.chain.broadcast]
    assert {offer.nonce for offer in offers} == {0}
    assert all(new.max_fee * 8 >= old.max_fee * 9 for old, new in zip(offers, offers[1:], strict=False))
    world.chain.mine()
    assert world.sender.check("one").transaction_hash != first
    assert world.mined() == [(0, 5)]


def test_check__older_offer_mined__is_found(world):
    first = world.sender.submit("one", transfer(5))
    old = world.chain.pool[PAYER.address, 0]
    world.tick(46)
    world.sender.check("one")
    assert len(world.journal.of_key("one")) == 2
    world.chain.pool[PAYER.address, 0] = old
    world.chain.mine()
    assert world.sender.check("one").transaction_hash == first


def test_check__cap_reached__keeps_waiting_and_says_so(tmp_path, caplog):
    world = World(tmp_path, policy=SendPolicy(max_fee=3 * GWEI, raise_after=45))
    world.chain.floor = 50 * GWEI
    world.sender.submit("one", transfer(5))
    for _ in range(9):
        world.tick(46)
        assert world.sender.check("one") is None
    assert all(parse_raw(raw).max_fee <= 3 * GWEI for raw in world.chain.broadcast)
    assert "neither max_fee nor the balance allow" in caplog.text


def test_check__replacement_unaffordable__keeps_the_offer_that_can_be_paid(world):
    world.chain.floor = 50 * GWEI
    world.sender.submit("one", transfer(5))
    world.chain.balances[PAYER.address] = 21000 * 125 // 100 * 3 * GWEI + 5
    world.tick(46)
    assert world.sender.check("one") is None
    assert len(world.journal.of_key("one")) == 1


def test_check__node_forgets_the_transaction__broadcasts_the_same_bytes(world):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    world.tick(16)
    world.sender.check("one")
    world.chain.mine()
    assert world.sender.check("one").succeeded
    assert len(set(world.chain.broadcast)) == 1


def test_check__another_transaction_of_the_nonce_waits__outbids_it(world):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    world.outsider_sends(0)
    world.chain.pool[PAYER.address, 0] = world.chain.pool[PAYER.address, 0].__class__(
        **(vars(world.chain.pool[PAYER.address, 0]) | {"max_fee": 4 * GWEI, "priority": 2 * GWEI})
    )
    for _ in range(9):
        world.tick(16)
        world.sender.check("one")
    world.chain.mine()
    assert world.mined() == [(0, 5)]


def test_check__nonce_taken_by_somebody_else__proves_it_then_signs_again(world, caplog):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    taken = world.outsider_sends(0)
    world.chain.mine(count=7)
    world.tick(20)
    with caplog.at_level(logging.ERROR):
        assert world.sender.check("one") is None
    assert f"used by transaction 0x{taken.hex()}, which is not ours" in caplog.text
    world.chain.mine()
    assert world.sender.check("one").succeeded
    assert world.mined() == [(0, 999), (1, 5)]


def test_check__the_other_transaction_reorganised_away__the_first_attempt_stays_dropped(world):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    world.outsider_sends(0)
    world.chain.mine()
    world.tick(20)
    world.sender.check("one")
    assert [entry.nonce for entry in world.journal.of_key("one")] == [0, 1]
    world.chain.fork(1, [])
    for _ in range(5):
        world.tick(60)
        world.sender.check("one")
    assert [entry for entry in world.chain.pool if entry[1] == 0] == []
    world.outsider_sends(0)
    world.chain.mine()
    assert world.sender.check("one").succeeded
    assert world.mined() == [(0, 999), (1, 5)]


def test_check__nonce_taken_in_a_fresh_block__waits_for_confirmations_before_signing_again(tmp_path):
    world = World(tmp_path, policy=SendPolicy(confirmations=3))
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    world.outsider_sends(0)
    world.chain.mine(count=2)
    world.tick(20)
    world.sender.check("one")
    assert len(world.journal.of_key("one")) == 1
    world.chain.mine(count=3)
    world.tick(20)
    world.sender.check("one")
    assert [entry.nonce for entry in world.journal.of_key("one")] == [0, 1]


def test_check__receipt_not_shown_yet__signs_nothing(world):
    world.sender.submit("one", transfer(5))
    world.chain.mine()
    honest, world.chain.eth_getTransactionReceipt = world.chain.eth_getTransactionReceipt, lambda digest: None
    world.tick(20)
    assert world.sender.check("one") is None
    world.chain.eth_getTransactionReceipt = honest
    assert world.sender.check("one").succeeded
    assert len(world.journal.of_key("one")) == 1


def test_check__nonce_taken_and_state_pruned__asks_for_a_person(world):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    world.outsider_sends(0)
    world.chain.mine(count=5)
    world.tick(20)

    def pruned(method, params):
        if method == "eth_getTransactionCount" and params[1].startswith("0x"):
            raise RpcFault("missing trie node")

    world.chain.before = pruned
    with pytest.raises(NonceConflict, match="let nobody else use this key"):
        world.sender.check("one")


def test_check__earlier_intent_lost__revives_it_first(world):
    world.sender.submit("one", transfer(1))
    world.sender.submit("two", transfer(2))
    del world.chain.pool[PAYER.address, 0]
    world.tick(20)
    world.sender.check("two")
    world.chain.mine()
    assert world.sender.check("two").succeeded
    assert world.mined() == [(0, 1), (1, 2)]


def test_check__nonce_that_nobody_uses__is_filled(world):
    world.outsider_sends(0)
    world.sender.submit("one", transfer(5))
    del world.chain.pool[PAYER.address, 0]
    world.tick(20)
    world.sender.check("one")
    world.chain.mine()
    assert world.sender.check("one").succeeded
    assert world.mined() == [(0, 0), (1, 5)]
