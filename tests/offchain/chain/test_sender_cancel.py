"""An intent that is taken back: a transfer of nothing takes its nonce, or the intent was faster; never both."""

import pytest

from offchain.chain.outcomes import Blocked, Cancelled, CapReached
from offchain.chain.sender import SendPolicy
from offchain.errors import (
    BadSettings,
    ChainUnavailable,
    InsufficientFunds,
    NotFound,
    RemoteRefused,
    TransactionReverted,
)
from tests.doubles.rpc import RpcFault
from tests.doubles.sending import GWEI, PAYER, TARGET, World, most, refusing, transfer

GAS = 21000 * 125 // 100
AGREED = GAS * 3 * GWEI


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_cancel__waiting__its_nonce_goes_to_a_transfer_of_nothing(world):
    first = world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    with pytest.raises(Cancelled, match="one was cancelled: 0x[0-9a-f]{64} has its nonce") as cancelled:
        world.sender.wait("one")
    (mined,) = world.chain.mined()
    assert (mined.nonce, mined.to, mined.value, mined.data) == (0, PAYER.address, 0, b"")
    assert cancelled.value.key == "one"
    assert cancelled.value.transaction_hash == "0x" + mined.hash.hex() != "0x" + first.hex()


def test_cancel__done__is_the_outcome_for_good_and_for_every_method(world):
    world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    for _ in range(2):
        for ask in (lambda: world.sender.wait("one"), lambda: world.sender.send("one", transfer(5))):
            with pytest.raises(Cancelled):
                ask()
        with pytest.raises(Cancelled):
            world.sender.check("one")
        world.sender.cancel("one")
        world.restarted()
    assert world.mined() == [(0, 0)]
    assert world.journal.unsettled() == []


def test_cancel__later_intents__go_on(world):
    world.chain.fee_cap = AGREED - 1
    with pytest.raises(RemoteRefused):
        world.sender.submit("dear", transfer(1))
    with pytest.raises(Blocked):
        world.restarted().send("two", transfer(2, gas=21000))
    world.chain.fee_cap = AGREED * 2
    world.sender.cancel("dear")
    world.chain.fee_cap = AGREED - 1
    assert world.sender.send("two", transfer(2, gas=21000)).succeeded
    with pytest.raises(Cancelled):
        world.sender.check("dear")
    assert world.mined() == [(0, 0), (1, 2)]


def test_cancel__intent_mined_first__is_too_late_and_returns_its_receipt(world):
    first = world.sender.submit("one", transfer(5))
    original = world.chain.pool[PAYER.address, 0]
    world.sender.cancel("one")
    world.chain.pool[PAYER.address, 0] = original
    world.chain.mine()
    assert world.sender.check("one").transaction_hash == first
    assert world.mined() == [(0, 5)]


def test_cancel__mined_already__signs_nothing(world):
    receipt = world.sender.send("one", transfer(5))
    world.sender.cancel("one")
    assert world.sender.check("one") == receipt
    assert len(world.journal.of_key("one")) == 1


def test_cancel__mined_and_not_looked_at__signs_nothing(world):
    world.sender.submit("one", transfer(5))
    world.chain.mine()
    world.sender.cancel("one")
    assert world.sender.check("one").succeeded
    assert len(world.journal.of_key("one")) == 1


def test_cancel__mined_and_failed__leaves_the_reason(world):
    world.sender.submit("one", transfer(5))
    world.chain.reverts[TARGET] = "market: too little"
    world.chain.mine()
    world.sender.cancel("one")
    with pytest.raises(TransactionReverted, match="market: too little"):
        world.sender.check("one")


def test_cancel__key_never_submitted__is_not_found(world):
    with pytest.raises(NotFound, match="nothing was submitted as one"):
        world.sender.cancel("one")


def test_cancel__twice__is_one_cancellation(world):
    world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    world.sender.cancel("one")
    assert len(world.journal.of_key("one")) == 2


def test_cancel__submitted_again__stays_cancelled(world):
    world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    world.restarted().submit("one", transfer(5))
    world.chain.mine()
    with pytest.raises(Cancelled):
        world.sender.check("one")
    assert world.mined() == [(0, 0)]


def test_cancel__not_mined__is_raised_as_a_cancellation_and_never_gives_way(world):
    world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    world.chain.floor = 6 * GWEI
    for _ in range(7):
        world.chain.pool.clear()
        world.passes("one")
        assert world.chain.pool[PAYER.address, 0].value == 0
        world.restarted().resume()
        assert world.chain.pool[PAYER.address, 0].value == 0
    world.chain.floor = 0
    world.chain.mine()
    with pytest.raises(Cancelled):
        world.sender.check("one")


def test_cancel__too_dear_for_the_rpc__does_not_send_the_intent_instead(world):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    world.chain.fee_cap = AGREED
    with pytest.raises(RemoteRefused):
        world.sender.cancel("one")
    with pytest.raises(RemoteRefused):
        world.passes("one")
    assert world.chain.pool == {}
    world.chain.fee_cap = None
    with pytest.raises(Cancelled):
        world.sender.wait("one")


def test_cancel__rpc_silent__is_decided_all_the_same(world):
    world.sender.submit("one", transfer(5))
    refusing(world.chain, "eth_sendRawTransaction", RpcFault("internal error", -32603))
    with pytest.raises(ChainUnavailable):
        world.sender.cancel("one")
    world.restarted().resume()
    world.chain.mine()
    with pytest.raises(Cancelled):
        world.sender.check("one")


def test_cancel__max_fee_reached__asks_for_more(tmp_path):
    world = World(tmp_path, policy=SendPolicy(max_fee=3 * GWEI))
    world.sender.submit("one", transfer(5))
    with pytest.raises(BadSettings, match="raise max_fee"):
        world.sender.cancel("one")
    assert len(world.journal.of_key("one")) == 1


def test_cancel__cap_reached__asks_for_more_and_takes_it(world):
    world.sender.submit("one", transfer(5), cap=AGREED)
    with pytest.raises(CapReached) as reached:
        world.sender.cancel("one")
    assert (reached.value.key, reached.value.cap) == ("one", AGREED)
    world.sender.cancel("one", cap=reached.value.needed)
    with pytest.raises(Cancelled):
        world.sender.wait("one")
    assert most(world.offers()) == reached.value.needed


def test_cancel__call_that_needs_much_gas__costs_less_than_it_and_fits_its_cap(world):
    world.sender.submit("one", transfer(5, gas=150_000), cap=150_000 * 3 * GWEI)
    world.sender.cancel("one")
    assert world.offers()[-1].gas == GAS
    assert world.offers()[-1].max_fee > 3 * GWEI
    assert most(world.offers()) == 150_000 * 3 * GWEI


def test_cancel__account_empty__says_so_before_anything_is_decided(world):
    world.sender.submit("one", transfer(5))
    world.chain.balances[PAYER.address] = 5
    with pytest.raises(InsufficientFunds, match="to cancel one"):
        world.sender.cancel("one")
    assert len(world.journal.of_key("one")) == 1


def test_cancel__nonce_lost_to_somebody_else__is_cancelled_and_not_signed_again(world):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    taken = world.outsider_sends(0)
    world.chain.mine()
    world.sender.cancel("one")
    world.tick(20)
    assert world.sender.check("one") is None
    with pytest.raises(Cancelled) as cancelled:
        world.sender.check("one")
    assert cancelled.value.transaction_hash == "0x" + taken.hex()
    world.chain.mine(count=3)
    assert world.mined() == [(0, 999)]
    assert world.journal.next_nonce() == 1


def test_cancel__the_other_transaction_reorganised_away__is_carried_out(world):
    world.sender.submit("one", transfer(5))
    world.chain.pool.clear()
    world.outsider_sends(0)
    world.chain.mine()
    world.sender.cancel("one")
    world.passes("one", 20)
    world.chain.fork(1, [], [])
    world.passes("one", 20)
    world.chain.mine()
    with pytest.raises(Cancelled):
        world.sender.check("one")
    assert world.mined() == [(0, 0)]


def test_cancel__done_and_reorganised_away__is_carried_out_again(world):
    world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    with pytest.raises(Cancelled):
        world.sender.wait("one")
    world.chain.fork(1, [], [])
    world.passes("one", 20)
    with pytest.raises(Cancelled):
        world.sender.wait("one")
    assert world.mined() == [(0, 0)]


def test_cancel__legacy_chain__is_raised_too(world):
    world.chain.base_fee = None
    world.sender.submit("one", transfer(5))
    world.sender.cancel("one")
    with pytest.raises(Cancelled):
        world.sender.wait("one")


def test_cancel__being_cancelled_and_gas_gets_dearer__takes_a_higher_cap(world):
    world.sender.submit("one", transfer(5, gas=150_000), cap=150_000 * 3 * GWEI)
    world.sender.cancel("one")
    world.sender.cancel("one", cap=10**18)
    assert world.journal.agreement("one").cap == 10**18
    assert len(world.journal.of_key("one")) == 2


def test_quote_cancel__waiting__is_what_the_cancellation_then_offers(world):
    world.sender.submit("one", transfer(5, gas=150_000))
    quote = world.sender.quote_cancel("one")
    world.sender.cancel("one")
    assert most(world.offers()[-1:]) == quote
    with pytest.raises(NotFound):
        world.sender.quote_cancel("two")


def test_pending__some_mined_and_some_not__are_those_that_are_not_and_nothing_is_sent(world):
    world.sender.submit("mined", transfer(1))
    world.chain.mine()
    for value in (2, 3):
        world.sender.submit(f"intent {value}", transfer(value))
    world.sender.cancel("intent 3")
    sent = len(world.chain.broadcast)
    waiting = world.restarted().pending()
    assert [(entry.key, entry.nonce, entry.cancels) for entry in waiting] == [
        ("intent 2", 1, False),
        ("intent 3", 2, True),
    ]
    assert (len(world.chain.broadcast), world.journal.settled("mined")) == (sent, None)
