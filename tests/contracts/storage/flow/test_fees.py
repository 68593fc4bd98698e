"""Fees: charged, gathered, settled, and what happens when the market fails."""

import boa
import pytest

from tests.doubles.blocks import mine
from tests.doubles.contracts import deploy
from tests.doubles.flow import BLOCKS_PER_EPOCH, PRICE, actors, deploy_flow, encode, events, speaking, submission_of

ACCEPT, REVERT, BURN, REENTER = 1, 2, 4, 8
FILE = submission_of(256)


@pytest.fixture
def bad_market(contracts):
    """A market that misbehaves on command, in office at a price of 7 wei."""
    market = deploy("RefusingMarket", 7)
    contracts.flow.setMarket(market.address, sender=contracts.governor)
    return market


def test_submit__within_an_epoch__keeps_the_fee_in_the_flow(contracts, people):
    contracts.submit([FILE], people.payer)
    assert contracts.flow.pendingFees() == PRICE == boa.env.get_balance(contracts.flow.address)
    assert contracts.pooled() == 0


def test_settle__by_anybody__reaches_pool_and_treasury(contracts, people):
    contracts.submit([submission_of(1_048_579)], people.payer)
    contracts.flow.settle(sender=people.outsider)
    (event,) = events(contracts.flow, "Settled")
    assert (event.beforeLength, event.chargedSectors, event.amount) == (1, 4608, 4608 * PRICE)
    fee = 4608 * PRICE // 100
    assert contracts.flow.pendingFees() == 0 == boa.env.get_balance(contracts.flow.address)
    assert contracts.reward.serviceFeeDue() == fee
    assert contracts.pooled() == 4608 * PRICE - fee


def test_settle__nothing_gathered__does_nothing(contracts):
    contracts.flow.settle()
    assert events(contracts.flow, "Settled") == []


def test_settle__second_run__begins_where_the_first_ended(contracts, people):
    contracts.submit([submission_of(1_048_579)], people.payer)
    contracts.flow.settle()
    contracts.submit([submission_of(262_145)], people.payer)
    contracts.flow.settle()
    (event,) = events(contracts.flow, "Settled")
    assert (event.beforeLength, event.chargedSectors) == (8704, 1152)


@pytest.mark.parametrize("opener", ["submit", "makeContext"])
def test_settle__epoch_opens__happens_by_itself(contracts, people, opener):
    contracts.submit([FILE], people.payer)
    mine(BLOCKS_PER_EPOCH + 1)
    if opener == "submit":
        contracts.submit([FILE], people.payer)
    else:
        contracts.flow.makeContext()
    assert contracts.flow.pendingFees() == 0
    assert contracts.pooled() > 0


@pytest.mark.parametrize("mood", [REVERT, BURN])
def test_submit__market_that_fails__is_not_delayed(contracts, people, bad_market, mood):
    bad_market.behave(mood)
    contracts.submit([FILE], people.payer)
    mine(BLOCKS_PER_EPOCH + 1)
    contracts.submit([FILE], people.payer)
    (event,) = contracts.events("SettlementFailed")
    assert (event.market, event.amount) == (bad_market.address, 14)
    assert contracts.flow.pendingFees() == 14 == boa.env.get_balance(contracts.flow.address)
    bad_market.behave(ACCEPT)
    contracts.flow.settle()
    (event,) = events(contracts.flow, "Settled")
    assert (event.beforeLength, event.chargedSectors, event.amount) == (1, 2, 14)
    assert boa.env.get_balance(bad_market.address) == 14


def test_settle__market_that_calls_back__finds_the_flow_locked(contracts, people, bad_market):
    contracts.submit([FILE], people.payer)
    bad_market.behave(REENTER)
    contracts.flow.settle()
    assert len(events(contracts.flow, "SettlementFailed")) == 1
    assert contracts.flow.pendingFees() == 7


def test_submit__more_sectors_than_the_head_counts__are_charged_all_the_same(contracts, people):
    rich = actors("rich", balance=10**60).rich
    huge = submission_of(256 << 41)
    contracts.submit([FILE], people.payer)
    contracts.submit([huge], rich)
    contracts.submit([FILE], people.payer)
    assert contracts.flow.pendingFees() == (2 + (1 << 41)) * PRICE == boa.env.get_balance(contracts.flow.address)
    contracts.flow.settle()
    (event,) = events(contracts.flow, "Settled")
    assert (event.chargedSectors, event.amount) == (2 + (1 << 41), (2 + (1 << 41)) * PRICE)


def test_submit__counter_of_the_head_fills_up__loses_nothing(contracts):
    rich = actors("rich", balance=10**60).rich
    for _ in range(3):
        contracts.submit([submission_of(256 << 39)], rich)
    assert contracts.flow.pendingFees() == (3 << 39) * PRICE == boa.env.get_balance(contracts.flow.address)


def test_set_price__later_files__pay_the_new_price(contracts, people):
    contracts.submit([FILE], people.payer)
    contracts.market.setPricePerSector(5, sender=contracts.governor)
    assert contracts.flow.pendingFees() == 0
    contracts.submit([FILE], people.payer, value=5)
    assert contracts.flow.pendingFees() == 5
    assert contracts.pooled() == PRICE - PRICE // 100


def test_set_price__by_an_outsider__reverts(contracts, people):
    with boa.reverts("roles: not governor"):
        contracts.market.setPricePerSector(5, sender=people.outsider)


@pytest.mark.parametrize(("price", "fits"), [(2**56 - 2, True), (2**56 - 1, False)])
def test_set_price__at_the_bound__is_taken_above_it_refused(contracts, price, fits):
    if fits:
        contracts.market.setPricePerSector(price, sender=contracts.governor)
        assert contracts.flow.pricePerSector() == price
    else:
        with boa.reverts("flow: price too high"):
            contracts.market.setPricePerSector(price, sender=contracts.governor)


def test_update_price__market_changed_it_silently__is_taken_over_by_anybody(contracts, people, bad_market):
    bad_market.setPricePerSector(9)
    assert contracts.flow.pricePerSector() == 7
    contracts.flow.updatePrice(sender=people.outsider)
    assert events(contracts.flow, "PriceTaken")[0].pricePerSector == 9
    assert contracts.flow.pricePerSector() == 9


def test_set_market__fees_gathered__go_to_the_old_one(contracts, people):
    contracts.submit([FILE], people.payer)
    market = deploy("RefusingMarket", 7)
    contracts.flow.setMarket(market.address, sender=contracts.governor)
    assert (contracts.flow.market(), contracts.flow.pricePerSector()) == (market.address, 7)
    assert contracts.pooled() > 0
    assert boa.env.get_balance(market.address) == 0


def test_set_market__old_one_refuses__fees_go_to_the_new_one(contracts, people, bad_market):
    contracts.submit([FILE], people.payer)
    bad_market.behave(REVERT)
    contracts.flow.setMarket(contracts.market.address, sender=contracts.governor)
    contracts.flow.settle()
    assert contracts.pooled() + contracts.reward.serviceFeeDue() == 7


def test_set_market__by_an_outsider__reverts(contracts, people):
    with boa.reverts("roles: not governor"):
        contracts.flow.setMarket(contracts.market.address, sender=people.outsider)


def test_set_market__without_code__reverts(contracts, people):
    with boa.reverts("flow: market has no code"):
        contracts.flow.setMarket(people.outsider, sender=contracts.governor)


def test_submit__before_the_market_has_a_price__is_refused(people):
    market = deploy("FixedPriceMarket", people.friend)
    flow = speaking(deploy("Flow", people.friend, people.friend, market.address, 0, BLOCKS_PER_EPOCH))
    assert market.pricePerSector() == 2**256 - 1
    with boa.reverts("flow: price too high"):
        flow.updatePrice(sender=people.outsider)
    with boa.reverts("flow: no price yet"):
        flow.submit((encode(submission_of(256)), people.outsider), value=10**18, sender=people.outsider)


def test_deploy__market_that_is_no_market__has_no_price(people):
    no_market = deploy("BlockHistory").address
    flow = speaking(deploy("Flow", people.friend, people.friend, no_market, 0, BLOCKS_PER_EPOCH))
    with boa.reverts("flow: no price yet"):
        flow.submit((encode(submission_of(256)), people.outsider), value=10**18, sender=people.outsider)


def test_settle__sectors_that_were_free__have_no_share_in_later_fees(people):
    contracts = deploy_flow(price=0)
    contracts.submit([submission_of(1 << 40, 1)], people.outsider)
    contracts.market.setPricePerSector(PRICE, sender=contracts.governor)
    [placed] = contracts.submit([submission_of(16 << 20, 2)], people.payer)
    contracts.flow.settle()
    fee, chunk = placed.sectors * PRICE * 99 // 100, placed.start // 4_096
    held = sum(contracts.reward.rewards(chunk + more).lockedReward for more in range(placed.sectors // 4_096 + 1))
    assert held >= fee * 99 // 100
