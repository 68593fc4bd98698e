"""The market: named once, passes fees on, obeys its governor."""

import boa
import pytest

from tests.doubles.contracts import deploy
from tests.doubles.flow import events, submission_of


@pytest.fixture
def market(contracts):
    return contracts.market


def test_initialize__by_the_governor__names_everything(contracts, people):
    market = deploy("FixedPriceMarket", people.payer)
    market.initialize(11, contracts.flow.address, contracts.reward.address, sender=people.payer)
    contracts.flow.setMarket(market.address, sender=contracts.governor)
    assert (market.flow(), market.reward()) == (contracts.flow.address, contracts.reward.address)
    assert market.pricePerSector() == contracts.flow.pricePerSector() == 11


def test_initialize__twice__reverts(contracts, market):
    with boa.reverts("market: initialized"):
        market.initialize(1, contracts.flow.address, contracts.reward.address, sender=contracts.governor)


def test_initialize__by_an_outsider__reverts(contracts, people):
    market = deploy("FixedPriceMarket", people.payer)
    with boa.reverts("roles: not governor"):
        market.initialize(1, contracts.flow.address, contracts.reward.address, sender=people.outsider)


def test_initialize__flow_without_code__reverts(contracts, people):
    market = deploy("FixedPriceMarket", people.payer)
    with boa.reverts("market: flow has no code"):
        market.initialize(1, people.friend, contracts.reward.address, sender=people.payer)


def test_set_reward__without_code__reverts(contracts, market, people):
    with boa.reverts("market: reward has no code"):
        market.setReward(people.friend, sender=contracts.governor)


def test_set_reward__by_the_governor__sends_later_fees_there(contracts, market):
    mine, governor = contracts.mine.address, contracts.governor
    reward = deploy("ChunkReward", governor, market.address, mine, 4_096, 1_000, 0, governor, 0)
    market.setReward(reward.address, sender=governor)
    assert events(market, "RewardSet")[0].reward == reward.address
    boa.env.set_balance(contracts.flow.address, 5)
    market.chargeFee(1, 1, 0, value=5, sender=contracts.flow.address)
    assert reward.rewards(0).lockedReward == 5


def test_set_reward__fees_paid_before__go_to_the_one_they_were_paid_for(contracts, market, people):
    contracts.submit([submission_of(1_000)], people.payer)
    pending = contracts.flow.pendingFees()
    received = deploy("RecordingReward")
    market.setReward(received.address, sender=contracts.governor)
    assert contracts.flow.pendingFees() == 0 < pending
    assert contracts.pooled() + contracts.reward.serviceFeeDue() == pending
    assert boa.env.get_balance(received.address) == 0


def test_set_reward__by_an_outsider__reverts(contracts, market, people):
    with boa.reverts("roles: not governor"):
        market.setReward(contracts.reward.address, sender=people.outsider)


def test_charge_fee__not_from_the_flow__reverts(market, people):
    with boa.reverts("market: not the flow"):
        market.chargeFee(1, 1, 0, value=1, sender=people.outsider)


def test_charge_fee__padding_between_files__shares_in_the_fee(contracts, market):
    boa.env.set_balance(contracts.flow.address, 100)
    received = deploy("RecordingReward")
    market.setReward(received.address, sender=contracts.governor)
    market.chargeFee(7, 30, 3, value=100, sender=contracts.flow.address)
    assert (received.before(), received.sectors(), received.amount()) == (7, 33, 100)


def test_market__plain_payment__is_refused(market, people):
    computation = boa.env.execute_code(to_address=market.address, sender=people.payer, data=b"", value=1)
    assert computation.is_error


def test_set_price__logs_it(contracts, market):
    market.setPricePerSector(3, sender=contracts.governor)
    assert events(market, "PriceSet")[0].pricePerSector == 3
