from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from offchain.chain.outbox import MAX_TRANSACTION_BYTES
from offchain.chain.types import PreparedCall
from offchain.errors import ChainUnavailable, InsufficientFunds, Invalid, RemoteRefused, TransactionReverted
from tests.doubles.rpc import FakeChain, RpcFault, parse_raw
from tests.doubles.sending import PAYER, TARGET, World, refusing, transfer


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_send__new_intent__is_mined_and_its_receipt_returned(world):
    receipt = world.sender.send("one", transfer(5))
    assert receipt.succeeded
    assert world.mined() == [(0, 5)]


def test_send__same_intent_again__returns_the_same_receipt(world):
    first = world.sender.send("one", transfer(5))
    assert world.sender.send("one", transfer(5)) == first
    assert world.mined() == [(0, 5)]


def test_send__same_intent_with_other_content__keeps_the_first(world):
    first = world.sender.send("one", transfer(5))
    assert world.sender.send("one", transfer(6)) == first


def test_submit__several_intents__take_consecutive_nonces(world):
    for value in range(5):
        world.sender.submit(f"intent {value}", transfer(value))
    world.chain.mine()
    assert world.mined() == [(value, value) for value in range(5)]


def test_submit__many_threads__never_share_a_nonce(world):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda value: world.sender.submit(f"intent {value % 20}", transfer(value % 20)), range(60)))
    world.chain.mine()
    assert [nonce for nonce, _ in world.mined()] == list(range(20))
    assert sorted(value for _, value in world.mined()) == list(range(20))


def test_submit__one_intent_from_many_threads__is_signed_once(world):
    together = Barrier(8)

    def meet(method, params):
        if method == "eth_estimateGas":
            together.wait(10)

    world.chain.before = meet
    with ThreadPoolExecutor(8) as threads:
        hashes = set(threads.map(lambda _: world.sender.submit("one", transfer(5)), range(8)))
    assert len(hashes) == 1
    assert world.journal.next_nonce() == 1


def test_submit__account_used_before__starts_at_its_nonce(world):
    world.outsider_sends(0)
    world.chain.mine()
    world.sender.send("one", transfer(5))
    assert world.mined()[-1] == (1, 5)


def test_submit__legacy_chain__signs_with_a_gas_price(tmp_path):
    world = World(tmp_path, FakeChain(base_fee=None))
    world.sender.send("one", transfer(5))
    assert world.chain.broadcast[0][0] >= 0xC0
    assert world.mined() == [(0, 5)]


def test_submit__contract_refuses__records_and_sends_nothing(world):
    world.chain.reverts[TARGET] = "flow: paused"
    with pytest.raises(TransactionReverted, match="flow: paused") as refusal:
        world.sender.submit("one", transfer(0))
    assert refusal.value.transaction_hash is None
    assert (world.journal.next_nonce(), world.chain.broadcast) == (0, [])


def test_submit__account_too_poor__names_address_and_missing_amount(world):
    world.chain.balances[PAYER.address] = 10
    with pytest.raises(InsufficientFunds, match=rf"{PAYER.address} lacks 90 wei .* to transfer") as refusal:
        world.sender.submit("one", transfer(100))
    assert (refusal.value.missing, world.journal.next_nonce()) == (90, 0)


def test_submit__enough_to_transfer_but_not_for_gas__says_so(world):
    world.chain.balances[PAYER.address] = 100
    with pytest.raises(InsufficientFunds, match="for the transaction and its gas"):
        world.sender.submit("one", transfer(100))


def test_submit__spent_between_check_and_broadcast__says_so_and_recovers_when_funded(world):
    refusing(world.chain, "eth_sendRawTransaction", RpcFault("insufficient funds for gas * price + value"))
    with pytest.raises(InsufficientFunds, match="wait together"):
        world.sender.submit("one", transfer(5))
    world.tick(20)
    world.sender.send("one", transfer(5))
    assert world.mined() == [(0, 5)]


def test_submit__data_no_node_takes__is_refused_before_a_nonce_is_used(world):
    with pytest.raises(Invalid, match="bytes; nodes take"):
        world.sender.submit("one", PreparedCall(TARGET, bytes(MAX_TRANSACTION_BYTES)))
    assert world.journal.next_nonce() == 0


def test_submit__node_refuses_for_good__passes_its_words_on(world):
    refusing(world.chain, "eth_sendRawTransaction", RpcFault("intrinsic gas too low"))
    with pytest.raises(RemoteRefused, match="intrinsic gas too low"):
        world.sender.submit("one", transfer(5, gas=1))


def test_submit__estimate__leaves_room_but_not_above_the_block(world):
    world.sender.submit("one", transfer(5))
    assert parse_raw(world.chain.broadcast[0]).gas == 21000 * 125 // 100
    world.chain.eth_estimateGas = lambda call: hex((1 << 24) - 5)
    world.sender.submit("two", transfer(5))
    assert parse_raw(world.chain.broadcast[1]).gas == 1 << 24


def test_send__rpc_fails_for_a_while__goes_on(world):
    refusing(world.chain, "eth_sendRawTransaction", RpcFault("internal error", -32603), times=3)
    assert world.sender.send("one", transfer(5)).succeeded
    assert len(set(world.chain.broadcast)) == 1


def test_send__never_mined__gives_up_in_time_and_resumes_later(world):
    world.clock.on_sleep = lambda: None
    with pytest.raises(ChainUnavailable, match="one is not settled after 30 s: it waits for a block"):
        world.sender.send("one", transfer(5), timeout=30)
    world.clock.on_sleep = world.chain.mine
    assert world.sender.send("one", transfer(5)).succeeded
    assert world.mined() == [(0, 5)]


def test_resume__recorded_but_never_broadcast__broadcasts_the_same_bytes(world):
    refusing(world.chain, "eth_sendRawTransaction", RpcFault("internal error", -32603))
    with pytest.raises(ChainUnavailable):
        world.sender.submit("one", transfer(5))
    recorded = world.journal.of_key("one")[0].raw
    world.restarted().resume()
    assert world.chain.broadcast == [recorded]


def test_resume__mined_meanwhile__settles_without_sending(world):
    world.sender.submit("one", transfer(5))
    world.chain.mine()
    world.restarted().resume()
    assert world.journal.unsettled() == []
    assert len(world.chain.broadcast) == 1
