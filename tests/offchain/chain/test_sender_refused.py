"""A transaction that the RPC does not take concerns the caller of its key and whoever has a later nonce, no other."""

import logging

import pytest

from offchain.chain.outcomes import Blocked
from offchain.errors import ChainUnavailable, InsufficientFunds, RemoteRefused
from tests.doubles.rpc import RpcFault, parse_raw
from tests.doubles.sending import GWEI, PAYER, World, most, transfer

GAS = 21000 * 125 // 100
OFFER = GAS * 3 * GWEI


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def refuse(world, fault, values):
    """Transactions that transfer one of `values` are not taken."""

    def before(method, params):
        if method == "eth_sendRawTransaction" and parse_raw(bytes.fromhex(params[0][2:])).value in values:
            raise fault

    world.chain.before = before


GOOD_REASONS = [
    RpcFault("tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"),
    RpcFault("intrinsic gas too low"),
    RpcFault("insufficient funds for gas * price + value"),
    RpcFault("internal error", -32603),
    RpcFault("txpool is full"),
]
REFUSALS = (RemoteRefused, InsufficientFunds, ChainUnavailable)


@pytest.mark.parametrize("fault", GOOD_REASONS, ids=lambda fault: fault.error["message"])
def test_resume__one_is_not_taken__others_are(world, fault, caplog):
    for value in range(1, 4):
        world.sender.submit(f"intent {value}", transfer(value))
    world.chain.pool.clear()
    refuse(world, fault, {2})
    with caplog.at_level(logging.WARNING):
        world.restarted().submit("intent 4", transfer(4))
    assert [nonce for _, nonce in world.chain.pool] == [0, 2, 3]
    assert "intent 2 waits since an earlier run" in caplog.text
    world.chain.mine()
    assert world.sender.check("intent 1").succeeded
    with pytest.raises(REFUSALS):
        world.sender.check("intent 2")
    world.chain.before = None
    world.sender.check("intent 2")
    world.chain.mine()
    assert [world.sender.check(f"intent {value}").succeeded for value in range(1, 5)] == [True] * 4
    assert world.mined() == [(value - 1, value) for value in range(1, 5)]


def test_resume__nobody_knows_whether_one_was_taken__tries_again_next_time(world):
    world.sender.submit("one", transfer(1))
    world.chain.pool.clear()
    refuse(world, RpcFault("internal error", -32603), {1})
    world.restarted().resume()
    world.chain.before = None
    world.sender.resume()
    assert (PAYER.address, 0) in world.chain.pool
    sent = len(world.chain.broadcast)
    world.sender.resume()
    assert len(world.chain.broadcast) == sent


def test_resume__rpc_silent__says_so_and_goes_on_later(world):
    world.sender.submit("one", transfer(1))
    world.chain.pool.clear()

    def silent(method, params):
        raise RpcFault("internal error", -32603)

    world.chain.before = silent
    with pytest.raises(ChainUnavailable):
        world.restarted().resume()
    world.chain.before = None
    world.sender.resume()
    assert (PAYER.address, 0) in world.chain.pool


def test_check__earlier_one_is_refused__names_it_at_once_and_keeps_the_later_one_alive(world):
    world.chain.fee_cap = OFFER - 1
    with pytest.raises(RemoteRefused):
        world.sender.submit("dear", transfer(1))
    with pytest.raises(Blocked, match="two waits behind dear, .*: dear: its gas may cost") as blocked:
        world.restarted().send("two", transfer(2, gas=21000))
    assert (blocked.value.blocker, type(blocked.value.reason)) == ("dear", RemoteRefused)
    assert [nonce for _, nonce in world.chain.pool] == [1]
    world.chain.pool.clear()
    with pytest.raises(Blocked):
        world.passes("two", 20)
    assert [nonce for _, nonce in world.chain.pool] == [1]


def test_check__rpc_takes_what_it_refused__goes_on(world):
    world.chain.fee_cap = 0
    with pytest.raises(RemoteRefused):
        world.sender.submit("one", transfer(1))
    for _ in range(2):
        with pytest.raises(RemoteRefused):
            world.sender.check("one")
    world.chain.fee_cap = None
    assert world.sender.send("one", transfer(1)).succeeded
    assert world.mined() == [(0, 1)]


def test_submit__too_dear_for_the_rpc__says_how_dear_and_what_helps(world):
    world.chain.fee_cap = OFFER - 1
    with pytest.raises(RemoteRefused, match=f"one: its gas may cost {OFFER} wei, more than this RPC passes on"):
        world.sender.submit("one", transfer(1))


def test_check__raise_too_dear_for_the_rpc__keeps_the_offer_that_was_taken(world):
    world.chain.floor = 4 * GWEI
    world.chain.fee_cap = OFFER
    world.sender.submit("one", transfer(1))
    for restart in (False, True):
        for _ in range(5):
            world.chain.pool.clear()
            world.passes("one")
            assert world.chain.pool[PAYER.address, 0].max_fee == 3 * GWEI
        if restart:
            world.restarted().resume()
    assert len(world.journal.of_key("one")) == 2
    world.chain.floor = 0
    world.chain.mine()
    assert world.sender.check("one").gas_price == 3 * GWEI


def test_check__rpc_passes_on_more_again__offers_more(world):
    world.chain.floor = 4 * GWEI
    world.chain.fee_cap = OFFER
    world.sender.submit("one", transfer(1))
    world.passes("one", times=3)
    world.chain.fee_cap = None
    world.passes("one", times=3)
    world.chain.mine()
    assert world.sender.check("one").gas_price >= 4 * GWEI
    assert most(world.offers()) < OFFER * 2
