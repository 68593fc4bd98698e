from dataclasses import replace

import pytest

from offchain.errors import ChainInconsistent, ChainUnavailable, InsufficientFunds, TransactionReverted
from offchain.protocol.submission import MAX_BATCH
from offchain.storage.client.intents import Wanted
from offchain.storage.client.payment import GAS_FOR_ONE, Declined, Paid, Quote, batches
from tests.doubles.flow_chain import FLOW, PRICE
from tests.doubles.flow_log import made_up
from tests.doubles.killing import Fuse, Killed
from tests.doubles.paying import PAYER, Payer
from tests.doubles.rpc import RpcFault

MAXIMUM = 3 * 10**9
"""Wei per gas that the chain in memory suggests: twice its base fee and a tip."""


@pytest.fixture
def payer(tmp_path):
    made = Payer(tmp_path)
    yield made
    made.database.close()


def files(count, first=0, size=300, tags=b""):
    submissions = [made_up(size, first + number, tags) for number in range(count)]
    return [Wanted(each.data_root, each) for each in submissions]


def agree(_):
    return True


def announce(payments, wanted):
    """What an upload does: recall, then pay for the rest."""
    known = payments.recall(wanted)
    rest = [each for each in wanted if each.root not in known]
    return known | (payments.pay(rest, agree) if rest else {})


def identities(wanted):
    return [each.identity for each in wanted]


def test_quote__files__adds_up_fees_and_gas_of_their_transactions(payer):
    wanted = files(65) + files(1, 100, size=5000)
    sectors = 65 * 2 + 20
    quote = payer.payments().quote(wanted)
    assert quote == Quote(66, sectors, PRICE, sectors * PRICE, 2 * 150_000 * 125 // 100 * MAXIMUM)
    assert quote.total == quote.fee + quote.gas


def test_quote__account_too_poor_to_estimate__guesses_the_gas(payer):
    payer.chain.balances[PAYER.address] = 5
    assert payer.payments().quote(files(3)).gas == 3 * GAS_FOR_ONE * MAXIMUM


def test_quote__contract_that_refuses__raises_its_reason(payer):
    payer.chain.reverts[FLOW] = "flow: paused"
    with pytest.raises(TransactionReverted, match="flow: paused"):
        payer.payments().quote(files(1))


@pytest.mark.parametrize("count", [1, 2, MAX_BATCH])
def test_pay__up_to_a_batch__is_one_transaction_with_the_exact_fee(payer, count):
    wanted = files(count)
    paid = payer.payments().pay(wanted, agree)
    (transaction,) = payer.chain.mined()
    assert transaction.value == 2 * count * PRICE
    digest = "0x" + transaction.hash.hex()
    assert paid == {each.root: Paid(seq, digest) for seq, each in enumerate(wanted)}
    assert payer.submitted() == identities(wanted)


def test_pay__more_than_a_batch__takes_as_few_transactions_as_possible(payer):
    wanted = files(2 * MAX_BATCH + 1)
    paid = payer.payments().pay(wanted, agree)
    assert [paid[each.root].seq for each in wanted] == list(range(2 * MAX_BATCH + 1))
    assert [transaction.value // PRICE for transaction in payer.chain.mined()] == [128, 128, 2]


def test_pay__after_others_have_submitted__has_the_numbers_of_the_chain(payer):
    payer.chain.submit(made_up(1, 99), made_up(1, 98))
    (paid,) = payer.payments().pay(files(1), agree).values()
    assert paid.seq == 2


def test_pay__not_agreed_to__sends_nothing_and_decides_nothing(payer):
    shown, wanted = [], files(2)
    with pytest.raises(Declined) as declined:
        payer.payments().pay(wanted, lambda quote: shown.append(quote))
    assert str(declined.value) == f"{shown[0].total} wei were not agreed to; nothing was paid"
    assert payer.chain.broadcast == []
    assert [payer.intents.key_of(each) for each in wanted] == [None, None]


def test_pay__account_too_poor__says_how_much_is_missing_and_works_once_funded(payer):
    payer.chain.balances[PAYER.address] = 500
    with pytest.raises(InsufficientFunds, match=f"{PAYER.address} lacks 1500 wei"):
        payer.payments().pay(files(1), agree)
    del payer.chain.balances[PAYER.address]
    assert announce(payer.payments(), files(1))[files(1)[0].root].seq == 0
    assert len(payer.submitted()) == 1


def raise_price_once(payer):
    """The price doubles just before the next block."""

    def mine():
        payer.clock.on_sleep = payer.chain.mine
        payer.chain.price *= 2
        payer.chain.mine()

    payer.clock.on_sleep = mine


def test_pay__mined_and_refused__tells_the_reason_and_succeeds_the_next_time(payer):
    wanted = files(2)
    raise_price_once(payer)
    with pytest.raises(TransactionReverted, match="flow: fee not paid"):
        payer.payments().pay(wanted, agree)
    assert payer.submitted() == []
    paid = announce(payer.payments(), wanted)
    assert payer.submitted() == identities(wanted)
    assert [paid[each.root].seq for each in wanted] == [0, 1]


def test_pay__refused_again_and_again__gets_a_new_transaction_each_time(payer):
    wanted = files(1)
    for _ in range(3):
        raise_price_once(payer)
        with pytest.raises(TransactionReverted):
            announce(payer.payments(), wanted)
    announce(payer.payments(), wanted)
    assert len(payer.chain.mined()) == 4
    assert payer.submitted() == identities(wanted)


def test_pay__refused_before_it_is_sent__forgets_it(payer):
    def pause(method, _):
        if method == "eth_estimateGas":
            payer.chain.reverts[FLOW] = "flow: paused"

    payments = payer.payments()
    payments.quote = lambda wanted: Quote(1, 2, PRICE, 2 * PRICE, 0)
    payer.chain.before = pause
    with pytest.raises(TransactionReverted, match="flow: paused"):
        payments.pay(files(1), agree)
    assert payer.intents.key_of(files(1)[0]) is None
    assert payer.chain.broadcast == []


def test_pay__second_batch_fails__first_is_recalled_and_the_rest_paid(payer):
    wanted = files(MAX_BATCH + 3)
    mined = []

    def mine():
        payer.chain.mine()
        mined.append(payer.chain.price)
        payer.chain.price = PRICE * 2 if len(payer.submitted()) == MAX_BATCH else PRICE

    payer.clock.on_sleep = mine
    with pytest.raises(TransactionReverted):
        payer.payments().pay(wanted, agree)
    assert len(payer.submitted()) == MAX_BATCH
    payer.clock.on_sleep = payer.chain.mine
    paid = announce(payer.payments(), wanted)
    assert payer.submitted() == identities(wanted)
    assert len(paid) == len(wanted)


def test_recall__nothing_of_it_known__is_empty(payer):
    assert payer.payments().recall(files(3)) == {}
    assert payer.payments().recall([]) == {}


def test_recall__paid_before__is_the_same_without_paying(payer):
    wanted = files(3)
    paid = payer.payments().pay(wanted, agree)
    sent = len(payer.chain.broadcast)
    assert payer.payments().recall(wanted[1:]) == {each.root: paid[each.root] for each in wanted[1:]}
    assert payer.payments().recall(wanted + files(2, 50)) == paid
    assert len(payer.chain.broadcast) == sent


def test_recall__same_file_with_other_tags__was_not_paid_for(payer):
    payer.payments().pay(files(1), agree)
    assert payer.payments().recall(files(1, tags=b"tags")) == {}


def test_recall__transaction_still_waiting__waits_for_it(payer):
    wanted = files(1)
    payer.clock.on_sleep = lambda: None
    with pytest.raises(ChainUnavailable, match="is not settled after"):
        payer.payments().pay(wanted, agree)
    assert payer.submitted() == []
    payer.clock.on_sleep = payer.chain.mine
    recalled = payer.payments().recall(wanted)
    assert recalled[wanted[0].root].seq == 0
    assert len(payer.chain.mined()) == 1


def test_recall__transaction_that_waited_is_refused__is_forgotten(payer):
    wanted = files(1)
    payer.clock.on_sleep = lambda: None
    with pytest.raises(ChainUnavailable):
        payer.payments().pay(wanted, agree)
    raise_price_once(payer)
    assert payer.payments().recall(wanted) == {}
    assert payer.intents.key_of(wanted[0]) is None


def test_recall__decided_on_and_never_signed__is_forgotten(payer):
    wanted = files(2)
    payer.intents.decide(wanted)
    assert payer.payments().recall(wanted) == {}
    assert payer.intents.key_of(wanted[0]) is None


def test_recall__chain_that_is_away__forgets_nothing(payer):
    wanted = files(1)
    payer.payments().pay(wanted, agree)

    def away(*_):
        raise RpcFault("internal error", -32603)

    payer.chain.before = away
    with pytest.raises(ChainUnavailable):
        payer.payments().recall(wanted)
    payer.chain.before = None
    assert payer.payments().recall(wanted)[wanted[0].root].seq == 0


def test_outcome__receipt_without_submission__is_inconsistent(payer, monkeypatch):
    monkeypatch.setattr(payer.chain, "_executed", lambda *_: [])
    with pytest.raises(ChainInconsistent, match="^the receipt of submit:.* holds no submission$"):
        payer.payments().pay(files(1), agree)


@pytest.mark.parametrize("count", [1, 3, MAX_BATCH + 1])
def test_announce__killed_at_every_boundary__pays_for_each_file_once(tmp_path, count):
    boundary, finished = 0, False
    while not finished:
        folder = tmp_path / str(boundary)
        folder.mkdir()
        payer, wanted = Payer(folder), files(count)
        try:
            announce(payer.payments(Fuse(boundary)), wanted)
            finished = True
        except Killed:
            paid = announce(payer.payments(), wanted)
            assert len(paid) == count
        assert sorted(payer.submitted()) == sorted(identities(wanted)), f"boundary {boundary}"
        assert payer.chain.failed == set()
        payer.database.close()
        boundary += 1 if count < MAX_BATCH else 5
    assert boundary > 12


def test_announce__killed_again_and_again__pays_for_each_file_once(tmp_path):
    payer, wanted = Payer(tmp_path), files(3)
    for lives in range(1000):
        try:
            announce(payer.payments(Fuse(3 + lives // 2)), wanted)
            break
        except Killed:
            payer.chain.mine()
    assert lives > 5
    assert sorted(payer.submitted()) == sorted(identities(wanted))


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (64, [64]), (65, [64, 1]), (130, [64, 64, 2])])
def test_batches__any_number__are_full_but_for_the_last(count, sizes):
    wanted = files(count)
    groups = list(batches(wanted))
    assert [len(group) for group in groups] == sizes
    assert [each for group in groups for each in group] == wanted


def test_recall__same_root_with_another_size_in_another_transaction__is_not_mixed_up(payer):
    long = made_up(300, 1)
    short = replace(long, length=299)
    other = files(1, 50)
    payer.payments().pay([Wanted(long.data_root, long), *other], agree)
    payer.payments().pay([Wanted(short.data_root, short)], agree)
    recalled = payer.payments().recall([Wanted(short.data_root, short), *other])
    assert {root: paid.seq for root, paid in recalled.items()} == {short.data_root: 2, other[0].root: 1}


def test_recall__taken_back__is_forgotten_and_paid_anew(payer):
    wanted = files(1)
    payments, key = payer.payments(), payer.intents.decide(wanted)
    payments._sender.submit(key, payments._call(wanted, PRICE))
    payments._sender.cancel(key)
    assert payer.payments().recall(wanted) == {}
    assert payer.intents.key_of(wanted[0]) is None
    assert announce(payer.payments(), wanted)[wanted[0].root].seq == 0
    assert payer.submitted() == identities(wanted)
