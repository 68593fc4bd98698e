"""Roles: the governor changes hands in two steps, the guardian is appointed."""

import boa
import pytest

from tests.doubles.contracts import deploy
from tests.doubles.flow import events

ZERO = "0x" + "00" * 20


@pytest.fixture
def market(people):
    return deploy("FixedPriceMarket", people.payer)


def test_propose_and_accept__moves_the_place(market, people):
    market.proposeGovernor(people.friend, sender=people.payer)
    assert events(market, "GovernorProposed")[0].governor == people.friend
    assert (market.governor(), market.pendingGovernor()) == (people.payer, people.friend)
    market.acceptGovernor(sender=people.friend)
    assert events(market, "GovernorAccepted")[0].governor == people.friend
    assert (market.governor(), market.pendingGovernor()) == (people.friend, ZERO)
    with boa.reverts("roles: not governor"):
        market.setGuardian(people.payer, sender=people.payer)


def test_accept__not_proposed__reverts(market, people):
    with boa.reverts("roles: not proposed"):
        market.acceptGovernor(sender=people.outsider)


def test_propose__withdrawn__cannot_be_accepted(market, people):
    market.proposeGovernor(people.friend, sender=people.payer)
    market.proposeGovernor(ZERO, sender=people.payer)
    with boa.reverts("roles: not proposed"):
        market.acceptGovernor(sender=people.friend)


@pytest.mark.parametrize("call", ["proposeGovernor", "setGuardian"])
def test_roles__changed_by_an_outsider__reverts(market, people, call):
    with boa.reverts("roles: not governor"):
        getattr(market, call)(people.outsider, sender=people.outsider)


def test_set_guardian__by_the_governor__appoints_and_renews(contracts, people):
    flow = contracts.flow
    flow.pause(sender=contracts.guardian)
    flow.setGuardian(people.friend, sender=contracts.governor)
    assert events(flow, "GuardianSet")[0].guardian == people.friend
    flow.pause(sender=people.friend)
    with boa.reverts("roles: not guardian"):
        flow.pause(sender=contracts.guardian)


def test_roles__without_governor__is_not_deployed():
    with boa.reverts("roles: no governor"):
        deploy("FixedPriceMarket", ZERO)
