"""What an intent may cost was agreed to: no offer, raise, second signature or filler ever goes beyond it."""

import pytest

from offchain.chain.outcomes import Blocked, CapReached
from offchain.chain.sender import SendPolicy
from offchain.errors import ChainUnavailable, Invalid
from tests.doubles.rpc import FakeChain, RpcFault, parse_raw
from tests.doubles.sending import GWEI, PAYER, World, most, refusing, transfer

GAS = 21000 * 125 // 100
SUGGESTED = 3 * GWEI
"""What the chain in memory suggests: twice its base fee and a tip of 1 gwei."""
AGREED = GAS * SUGGESTED


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_quote__call__is_what_the_first_offer_costs(world):
    assert world.sender.quote(transfer(5)) == AGREED
    world.sender.send("one", transfer(5), cap=AGREED)
    assert most(world.offers()) == AGREED


def test_quote__chain_asks_more_than_max_fee__goes_no_further(world):
    world.chain.base_fee = 900 * GWEI
    assert world.sender.quote(transfer(5)) == GAS * 500 * GWEI


def test_send__fees_rise_after_the_user_agreed__signs_nothing_and_says_what_is_missing(world):
    world.chain.base_fee = 200 * GWEI
    with pytest.raises(CapReached, match=f"gas for one was to cost {AGREED} wei at most") as reached:
        world.sender.send("one", transfer(5), cap=AGREED)
    needed = GAS * 401 * GWEI
    assert (reached.value.key, reached.value.cap, reached.value.needed) == ("one", AGREED, needed)
    assert reached.value.missing == needed - AGREED
    assert (world.journal.next_nonce(), world.chain.broadcast, world.clock.slept) == (0, [], [])


def test_send__what_was_missing_is_agreed_to__is_mined_for_no_more(world):
    world.chain.base_fee = 200 * GWEI
    with pytest.raises(CapReached) as reached:
        world.sender.send("one", transfer(5), cap=AGREED)
    assert world.sender.send("one", transfer(5), cap=reached.value.needed).succeeded
    assert most(world.offers()) == reached.value.needed


def test_submit__fees_rose_a_little__offers_what_was_agreed_to(world):
    world.chain.base_fee = 14 * GWEI // 10
    assert world.sender.send("one", transfer(5), cap=AGREED).succeeded
    assert [offer.max_fee for offer in world.offers()] == [SUGGESTED]


@pytest.mark.parametrize("cap", [0, 1, GAS - 1, GAS * SUGGESTED // 2 - 1])
def test_submit__cap_without_a_chance__uses_no_nonce(world, cap):
    with pytest.raises(CapReached):
        world.sender.submit("one", transfer(5), cap=cap)
    assert world.journal.next_nonce() == 0


def test_submit__half_of_what_is_suggested__is_worth_a_nonce(world):
    assert world.sender.send("one", transfer(5), cap=AGREED // 2).succeeded


def test_submit__chain_without_fees__needs_no_allowance(tmp_path):
    world = World(tmp_path, FakeChain(base_fee=0))
    world.chain.eth_maxPriorityFeePerGas = lambda: "0x0"
    assert world.sender.send("one", transfer(5), cap=0).succeeded


def test_submit__legacy_chain__keeps_the_cap_too(tmp_path):
    world = World(tmp_path, FakeChain(base_fee=None))
    price = int(world.chain.eth_gasPrice(), 16)
    world.sender.submit("one", transfer(5), cap=GAS * price * 2 // 3)
    assert [offer.max_fee for offer in world.offers()] == [price * 2 // 3]
    with pytest.raises(CapReached) as reached:
        world.passes("one")
    assert reached.value.needed == GAS * price


def test_submit__negative_cap__is_invalid_whether_new_or_not(world):
    with pytest.raises(Invalid, match="less than nothing"):
        world.sender.submit("one", transfer(5), cap=-1)
    world.sender.submit("one", transfer(5))
    with pytest.raises(Invalid, match="less than nothing"):
        world.sender.submit("one", transfer(5), cap=-1)


def test_submit__max_fee_binds_before_the_cap__waits_as_without(tmp_path):
    world = World(tmp_path, policy=SendPolicy(max_fee=2 * GWEI, raise_after=45))
    world.chain.base_fee = 50 * GWEI
    world.sender.submit("one", transfer(5), cap=GAS * 2 * GWEI)
    world.passes("one", times=3)
    assert [parse_raw(raw).max_fee for raw in set(world.chain.broadcast)] == [2 * GWEI]


def test_check__waiting_and_fees_rise__raises_the_offer_up_to_the_cap_then_asks(world):
    cap = AGREED * 2
    world.sender.submit("one", transfer(5), cap=cap)
    world.chain.base_fee = 50 * GWEI
    world.passes("one")
    with pytest.raises(CapReached) as reached:
        world.passes("one")
    assert most(world.offers()) == cap
    assert (reached.value.cap, reached.value.needed) == (cap, GAS * 101 * GWEI)


def test_check__cap_reached__says_so_each_time_and_keeps_the_transaction_alive(world):
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.chain.base_fee = 50 * GWEI
    for _ in range(3):
        world.chain.pool.clear()
        with pytest.raises(CapReached):
            world.passes("one")
        assert (PAYER.address, 0) in world.chain.pool
    with pytest.raises(CapReached):
        world.sender.check("one")
    assert len(world.journal.of_key("one")) == 1


def test_check__fees_fall_again__is_mined_for_what_was_agreed(world):
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.chain.base_fee = 50 * GWEI
    with pytest.raises(CapReached):
        world.passes("one")
    world.chain.base_fee = GWEI
    world.chain.mine()
    assert world.sender.check("one").gas_price == SUGGESTED


def test_check__cap_raised__offers_more_at_once(world):
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.chain.base_fee = 50 * GWEI
    with pytest.raises(CapReached) as reached:
        world.passes("one")
    receipt = world.sender.send("one", transfer(5), cap=reached.value.needed)
    assert receipt.succeeded
    assert most(world.offers()) == reached.value.needed
    assert world.mined() == [(0, 5)]


def test_check__offer_is_what_others_pay__waits_without_asking(world, caplog):
    world.chain.floor = 50 * GWEI
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.passes("one", times=5)
    assert "one waits: gas for one was to cost" in caplog.text
    assert most(world.offers()) == AGREED


def test_send__offer_is_what_others_pay_and_not_mined_in_time__asks(world):
    world.chain.floor = 35 * GWEI // 10
    with pytest.raises(CapReached) as reached:
        world.sender.send("one", transfer(5), timeout=60, cap=AGREED)
    assert world.clock.time >= 1060
    with pytest.raises(CapReached) as further:
        world.sender.send("one", transfer(5), timeout=60, cap=reached.value.needed)
    assert world.sender.send("one", transfer(5), timeout=60, cap=further.value.needed).succeeded


def test_check__node_refuses_the_offer_as_too_low__asks_at_once(world):
    refusing(world.chain, "eth_sendRawTransaction", RpcFault("transaction underpriced"), times=9)
    world.sender.submit("one", transfer(5), cap=AGREED)
    with pytest.raises(CapReached):
        world.sender.check("one")


def test_check__restarted__keeps_the_cap(world):
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.chain.base_fee = 50 * GWEI
    world.restarted().resume()
    world.sender.check("one")
    with pytest.raises(CapReached) as reached:
        world.passes("one")
    assert reached.value.cap == AGREED
    with pytest.raises(CapReached):
        world.sender.send("one", transfer(5))
    assert most(world.offers()) == AGREED


def test_submit__again_without_a_cap__leaves_it_as_it_is(world):
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.sender.submit("one", transfer(5))
    assert world.journal.agreement("one").cap == AGREED


def test_submit__smaller_cap_than_signed__is_not_pretended_to_hold(world):
    world.sender.submit("one", transfer(5), cap=AGREED * 9)
    with pytest.raises(CapReached) as reached:
        world.sender.submit("one", transfer(5), cap=AGREED - 1)
    assert (reached.value.needed, reached.value.missing) == (AGREED, 1)
    world.chain.base_fee = 50 * GWEI
    with pytest.raises(CapReached):
        world.passes("one")
    assert most(world.offers()) == AGREED


def test_submit__cap_for_an_intent_that_had_none__holds_from_now_on(world):
    world.sender.submit("one", transfer(5))
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.chain.base_fee = 50 * GWEI
    with pytest.raises(CapReached):
        world.passes("one")


def test_send__mined_long_before__needs_no_cap(world):
    first = world.sender.send("one", transfer(5))
    assert world.sender.send("one", transfer(5), cap=0) == first


def test_send__offer_within_the_cap_is_never_mined__gives_up_as_without(world):
    world.clock.on_sleep = lambda: None
    with pytest.raises(ChainUnavailable, match="not settled after 30 s"):
        world.sender.send("one", transfer(5), timeout=30, cap=AGREED)


def test_check__nonce_lost_to_somebody_else__signs_again_within_the_cap(world):
    world.sender.submit("one", transfer(5), cap=AGREED)
    world.chain.pool.clear()
    world.outsider_sends(0)
    world.chain.mine(count=7)
    world.chain.base_fee = 50 * GWEI
    with pytest.raises(CapReached):
        world.passes("one", 20)
    assert len(world.journal.of_key("one")) == 1
    world.chain.base_fee = 14 * GWEI // 10
    world.passes("one", 20)
    world.chain.mine()
    assert world.sender.check("one").succeeded
    assert world.mined() == [(0, 999), (1, 5)]
    assert world.offers()[-1].max_fee == SUGGESTED


def test_check__behind_one_that_reached_its_cap__is_told_so_and_goes_on_with_it(world):
    world.sender.submit("one", transfer(1), cap=AGREED)
    world.sender.submit("two", transfer(2))
    world.chain.base_fee = 50 * GWEI
    with pytest.raises(Blocked, match="two waits behind one, .* gas for one was to cost") as blocked:
        world.passes("two")
    assert (blocked.value.key, blocked.value.blocker) == ("two", "one")
    assert isinstance(blocked.value.reason, CapReached)
    world.sender.submit("one", transfer(1), cap=blocked.value.reason.needed)
    world.sender.check("two")
    world.passes("two")
    world.chain.mine()
    world.passes("two")
    world.chain.mine()
    assert world.sender.check("two").succeeded
    assert world.mined() == [(0, 1), (1, 2)]


class GapWorld(World):
    """An intent behind a nonce that somebody else used and that no node knows any more."""

    def __init__(self, directory, cap):
        super().__init__(directory)
        self.outsider_sends(0)
        self.sender.submit("one", transfer(5), cap=cap)
        del self.chain.pool[PAYER.address, 0]
        self.chain.broadcast.clear()


def test_check__gap_before_it__is_filled_out_of_the_cap(tmp_path):
    world = GapWorld(tmp_path, cap=AGREED * 2)
    world.passes("one", 20)
    world.chain.mine()
    assert world.sender.check("one").succeeded
    assert world.mined() == [(0, 0), (1, 5)]
    assert most(world.offers()) == AGREED * 2


def test_check__nothing_left_for_the_gap__asks_and_survives_a_restart(tmp_path):
    world = GapWorld(tmp_path, cap=AGREED)
    for _ in range(2):
        with pytest.raises(CapReached) as reached:
            world.passes("one", 20)
        assert (reached.value.key, reached.value.cap, reached.value.needed) == ("one", AGREED, AGREED * 2)
        world.restarted()
    assert {offer.nonce for offer in world.offers()} == {1}
    world.sender.submit("one", transfer(5), cap=reached.value.needed)
    world.passes("one", 20)
    world.restarted()
    world.chain.base_fee = 50 * GWEI
    world.passes("one", 20)
    with pytest.raises(CapReached) as reached:
        world.passes("one", 46)
    assert (reached.value.key, reached.value.cap) == ("one", AGREED * 2)
    assert most(world.offers()) == AGREED * 2


def test_check__rpc_that_invents_waiting_transactions__makes_nobody_pay_for_them(world):
    honest = world.chain.eth_getTransactionCount
    world.chain.eth_getTransactionCount = lambda address, tag: "0x5" if tag == "pending" else honest(address, tag)
    world.sender.submit("one", transfer(5), cap=AGREED * 3)
    world.chain.eth_getTransactionCount = honest
    with pytest.raises(CapReached):
        for _ in range(20):
            world.passes("one", 20)
            world.chain.mine()
    assert most(world.offers()) <= AGREED * 3
