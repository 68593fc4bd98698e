"""Pausing: new submissions only, a week, the guardian once."""

import boa
import pytest

from tests.doubles.blocks import mine, wait
from tests.doubles.flow import BLOCKS_PER_EPOCH, FORMS, events, submission_of

WEEK = 7 * 86_400
FILE = submission_of(256)


@pytest.mark.parametrize("form", FORMS)
def test_pause__by_the_guardian__refuses_submissions(contracts, people, form):
    contracts.flow.pause(sender=contracts.guardian)
    (event,) = events(contracts.flow, "Paused")
    assert (event.account, event.until) == (contracts.guardian, boa.env.evm.patch.timestamp + WEEK)
    assert contracts.flow.paused()
    with boa.reverts("flow: paused"):
        contracts.submit([FILE], people.payer, form)


def test_pause__everything_but_submissions__goes_on(contracts, people):
    contracts.submit([FILE], people.payer)
    contracts.flow.pause(sender=contracts.guardian)
    mine(BLOCKS_PER_EPOCH + 1)
    contracts.flow.makeContext()
    contracts.flow.settle()
    assert contracts.flow.epoch() == 1
    assert contracts.pooled() > 0


def test_pause__after_a_week__has_ended(contracts, people):
    contracts.flow.pause(sender=contracts.guardian)
    wait(WEEK - 1)
    with boa.reverts("flow: paused"):
        contracts.submit([FILE], people.payer)
    wait(1)
    assert not contracts.flow.paused()
    contracts.submit([FILE], people.payer)
    assert contracts.flow.numSubmissions() == 1


def test_pause__by_the_guardian_again__needs_the_governor_in_between(contracts):
    contracts.flow.pause(sender=contracts.guardian)
    wait(WEEK)
    with boa.reverts("roles: pause spent"):
        contracts.flow.pause(sender=contracts.guardian)
    contracts.flow.unpause(sender=contracts.governor)
    contracts.flow.pause(sender=contracts.guardian)
    assert contracts.flow.paused()


def test_pause__lifted_by_the_guardian__does_not_renew_its_right(contracts):
    contracts.flow.pause(sender=contracts.guardian)
    contracts.flow.unpause(sender=contracts.guardian)
    assert not contracts.flow.paused()
    with boa.reverts("roles: pause spent"):
        contracts.flow.pause(sender=contracts.guardian)


def test_pause__by_the_governor__may_be_prolonged(contracts):
    contracts.flow.pause(sender=contracts.governor)
    wait(WEEK - 1)
    contracts.flow.pause(sender=contracts.governor)
    wait(WEEK - 1)
    assert contracts.flow.paused()


def test_pause__by_the_governor__is_not_the_guardians_to_lift(contracts):
    flow = contracts.flow
    flow.pause(sender=contracts.governor)
    with boa.reverts("roles: the governor's pause"):
        flow.unpause(sender=contracts.guardian)
    wait(7 * 86_400)
    flow.pause(sender=contracts.guardian)
    flow.unpause(sender=contracts.guardian)
    assert not flow.paused()


@pytest.mark.parametrize("call", ["pause", "unpause"])
def test_pause__by_an_outsider__reverts(contracts, people, call):
    with boa.reverts("roles: not guardian"):
        getattr(contracts.flow, call)(sender=people.outsider)


def test_unpause__logs_and_clears(contracts):
    contracts.flow.pause(sender=contracts.guardian)
    contracts.flow.unpause(sender=contracts.governor)
    assert events(contracts.flow, "Unpaused")[0].account == contracts.governor
    assert contracts.flow.pausedUntil() == 0


def test_pause__keeps_the_rest_of_the_head(contracts, people):
    contracts.submit([FILE], people.payer)
    before = (contracts.flow.tree(), contracts.flow.pendingFees(), contracts.flow.pricePerSector())
    contracts.flow.pause(sender=contracts.guardian)
    assert (contracts.flow.tree(), contracts.flow.pendingFees(), contracts.flow.pricePerSector()) == before
