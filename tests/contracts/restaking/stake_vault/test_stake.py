"""Deposits, withdrawals, claims; collateral that misbehaves."""

import boa
import pytest

from tests.doubles.vault import MINIMUM, PERIOD, WAD

TAKES_FEE, REVERTS, RETURNS_FALSE, RETURNS_NOTHING = 1, 2, 4, 8


def test_deposit__for_another__is_the_others(vault):
    pool, people = vault.open_pool(), vault.people
    vault.token.approve(vault.contract.address, 70, sender=people.other)
    assert vault.contract.deposit(pool, 70, people.delegator, sender=people.other) == 70
    assert vault.contract.unitsOf(pool, people.delegator) == vault.contract.valueOf(pool, people.delegator) == 70
    assert vault.contract.unitsOf(pool, people.other) == 0


def test_deposit__bad_ones__are_refused(vault):
    pool, delegator = vault.open_pool(), vault.people.delegator
    with boa.reverts("vault: amount too small"):
        vault.deposit(pool, 0, delegator)
    with boa.reverts("vault: no owner"):
        vault.contract.deposit(pool, 1, "0x" + "00" * 20, sender=delegator)
    with boa.reverts("collateral: not open"):
        vault.contract.deposit(pool + 1, 1, delegator, sender=delegator)
    for amount in (2**96, 2**96 + 1):
        with boa.reverts("vault: pool full"):
            vault.deposit(pool, amount, delegator)


def test_deposit__while_an_escrow_is_open__is_refused(vault):
    pool = vault.open_pool()
    vault.slash(vault.people.operator, 0, WAD // 20, b"\x01" * 32)
    with boa.reverts("vault: escrow open"):
        vault.deposit(pool, 100, vault.people.delegator)


def test_deposit__into_a_pool_slashed_to_nearly_nothing__is_refused(vault):
    pool, nobody = vault.open_pool(), vault.people.other
    vault.slash(vault.people.operator, 0, WAD - 1, b"\x01" * 32)
    vault.contract.release(b"\x01" * 32, pool, nobody, 0, nobody, 0, sender=vault.slasher)
    with boa.reverts("vault: pool closed"):
        vault.deposit(pool, 100, vault.people.delegator)
    with boa.reverts("vault: own stake too low"):
        vault.contract.setAllocation(pool, 1, 10**12, sender=vault.people.operator)


def test_withdrawal__is_paid_after_its_period(vault):
    pool, delegator, contract = vault.open_pool(), vault.people.delegator, vault.contract
    vault.deposit(pool, 1_000, delegator)
    period = contract.requestWithdrawal(pool, 400, sender=delegator)
    assert period == contract.currentPeriod() + 1
    assert contract.withdrawalOf(pool, period, delegator) == (400, 0)
    boa.env.time_travel(seconds=PERIOD)
    with boa.reverts("withdrawal: not mature"):
        contract.claim(pool, period, sender=delegator)
    boa.env.time_travel(seconds=PERIOD)
    before = vault.token.balanceOf(delegator)
    assert contract.claim(pool, period, sender=delegator) == 400
    assert vault.token.balanceOf(delegator) - before == 400
    with boa.reverts("withdrawal: nothing to claim"):
        contract.claim(pool, period, sender=delegator)
    assert contract.valueOf(pool, delegator) == 600


def test_request_withdrawal__more_than_there_is__is_refused(vault):
    pool = vault.open_pool()
    for units in (0, 1):
        with boa.reverts("pool: not that many units"):
            vault.contract.requestWithdrawal(pool, units, sender=vault.people.delegator)


def test_request_withdrawal__operator_with_an_allocation__keeps_the_minimum(vault):
    pool, operator = vault.open_pool(own=10 * MINIMUM), vault.people.operator
    with boa.reverts("vault: own stake too low"):
        vault.contract.requestWithdrawal(pool, 9 * MINIMUM + 1, sender=operator)
    vault.contract.requestWithdrawal(pool, 9 * MINIMUM, sender=operator)
    vault.contract.setAllocation(pool, 0, 0, sender=operator)
    boa.env.time_travel(seconds=2 * PERIOD)
    with boa.reverts("vault: own stake too low"):
        vault.contract.requestWithdrawal(pool, MINIMUM, sender=operator)
    vault.contract.settleAllocation(pool, 0)
    vault.contract.requestWithdrawal(pool, MINIMUM, sender=operator)


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (TAKES_FEE, "token: takes a fee"),
        (REVERTS, "token: stuck"),
        (RETURNS_FALSE, "token: transfer refused"),
    ],
)
def test_deposit__collateral_that_misbehaves__is_refused_whole(vault, manner, reason):
    pool, delegator = vault.open_pool(), vault.people.delegator
    vault.token.behave(manner)
    with boa.reverts(reason):
        vault.deposit(pool, 100, delegator)
    assert vault.contract.unitsOf(pool, delegator) == 0


def test_deposit_and_claim__collateral_that_returns_nothing__work(vault):
    pool, delegator = vault.open_pool(), vault.people.delegator
    vault.token.behave(RETURNS_NOTHING)
    units = vault.deposit(pool, 100, delegator)
    period = vault.contract.requestWithdrawal(pool, units, sender=delegator)
    boa.env.time_travel(seconds=2 * PERIOD)
    assert vault.contract.claim(pool, period, sender=delegator) == 100


@pytest.mark.parametrize(("manner", "reason"), [(REVERTS, "token: stuck"), (RETURNS_FALSE, "token: payment refused")])
def test_claim__collateral_that_does_not_pay__stays_claimable(vault, manner, reason):
    pool, delegator = vault.open_pool(), vault.people.delegator
    period = vault.contract.requestWithdrawal(pool, vault.deposit(pool, 100, delegator), sender=delegator)
    boa.env.time_travel(seconds=2 * PERIOD)
    vault.token.behave(manner)
    with boa.reverts(reason):
        vault.contract.claim(pool, period, sender=delegator)
    vault.token.behave(RETURNS_NOTHING)
    assert vault.contract.claim(pool, period, sender=delegator) == 100


@pytest.mark.parametrize("view", [False, True], ids=["a change", "a view"])
def test_deposit__collateral_that_reenters__gets_nowhere(vault, view):
    pool, contract, delegator = vault.open_pool(), vault.contract, vault.people.delegator
    call = contract.stakeOf.prepare_calldata(pool, 0) if view else contract.requestWithdrawal.prepare_calldata(pool, 1)
    vault.token.reenter(contract.address, call)
    with boa.reverts():
        vault.deposit(pool, 100, delegator)
    assert contract.unitsOf(pool, delegator) == 0


def test_stake__collateral_that_rebases__changes_no_balance(vault):
    pool, delegator, contract = vault.open_pool(), vault.people.delegator, vault.contract
    vault.deposit(pool, 100, delegator)
    before = contract.stakeOf(pool, 0)
    vault.token.rebase(contract.address, 2**90)
    assert (contract.stakeOf(pool, 0), contract.valueOf(pool, delegator)) == (before, 100)
    assert vault.deposit(pool, 100, delegator) == 100


def test_stake__tokens_sent_to_the_vault__belong_to_nobody(vault):
    pool, delegator = vault.open_pool(), vault.people.delegator
    vault.token.mint(vault.contract.address, 10**20)
    assert vault.deposit(pool, 100, delegator) == 100
    assert vault.contract.valueOf(pool, delegator) == 100
