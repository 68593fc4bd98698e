"""Collaterals, pools, operators, commissions, roles."""

import boa
import pytest

from tests.doubles.contracts import deploy
from tests.doubles.vault import EPOCH, MINIMUM, PERIOD

WEEK = 7 * 86_400


def test_deploy__period_below_epoch__is_refused(vault):
    with boa.reverts("vault: period below epoch"):
        deploy("StakeVault", vault.people.governor, vault.people.guardian, EPOCH, EPOCH - 1)


@pytest.mark.parametrize(("epoch", "reason"), [(0, "epoch: no length")])
def test_deploy__no_time__is_refused(vault, epoch, reason):
    with boa.reverts(reason):
        deploy("StakeVault", vault.people.governor, vault.people.guardian, epoch, 1)


def test_initialize__again_or_by_others_or_without_code__is_refused(vault):
    governor, fresh = vault.people.governor, deploy("StakeVault", vault.people.governor, vault.people.guardian, 1, 1)
    with boa.reverts("roles: not governor"):
        fresh.initialize(vault.token.address, sender=vault.people.outsider)
    with boa.reverts("vault: slasher has no code"):
        fresh.initialize(vault.people.outsider, sender=governor)
    with boa.reverts("vault: initialized"):
        vault.contract.initialize(vault.token.address, sender=governor)


def test_set_collateral__lists_and_closes(vault):
    contract, governor, token = vault.contract, vault.people.governor, vault.token
    assert contract.collateral(token.address) == (True, MINIMUM)
    contract.setCollateral(token.address, False, 2 * MINIMUM, sender=governor)
    assert contract.collateral(token.address) == (False, 2 * MINIMUM)
    assert contract.collateralList() == [token.address]
    with boa.reverts("collateral: not open"):
        contract.createPool(token.address, 0, sender=vault.people.operator)


def test_set_collateral__bad_ones__are_refused(vault):
    contract, governor = vault.contract, vault.people.governor
    with boa.reverts("roles: not governor"):
        contract.setCollateral(vault.token.address, True, 1, sender=vault.people.guardian)
    with boa.reverts("collateral: no token"):
        contract.setCollateral(vault.people.outsider, True, 1, sender=governor)
    for minimum in (0, 2**96):
        with boa.reverts("collateral: bad minimum"):
            contract.setCollateral(vault.token.address, True, minimum, sender=governor)
    for _ in range(7):
        contract.setCollateral(deploy("Token").address, True, 1, sender=governor)
    with boa.reverts("collateral: too many"):
        contract.setCollateral(deploy("Token").address, True, 1, sender=governor)


def test_create_pool__numbers_pools_and_operators_densely(vault):
    contract, people = vault.contract, vault.people
    assert [vault.create_pool(people.operator, 500), vault.create_pool(people.other)] == [1, 2]
    assert contract.poolInfo(1) == (people.operator, vault.token.address, 500)
    assert [contract.operatorAt(1), contract.operatorAt(2)] == [people.operator, people.other]
    assert (contract.operatorId(people.other), contract.operatorId(people.outsider), contract.operatorCount()) == (
        2,
        0,
        2,
    )
    assert (contract.poolOf(people.other, vault.token.address), contract.poolsOf(people.other)) == (2, [2])


def test_create_pool__twice_or_with_too_high_a_commission__is_refused(vault):
    vault.create_pool(vault.people.operator)
    with boa.reverts("pool: exists"):
        vault.create_pool(vault.people.operator)
    with boa.reverts("pool: commission above all"):
        vault.create_pool(vault.people.other, 10_001)


def test_set_commission__lower_counts_at_once_and_higher_after_a_week(vault):
    contract, operator = vault.contract, vault.people.operator
    pool = vault.create_pool(operator, 500)
    contract.setCommission(pool, 300, sender=operator)
    assert contract.poolInfo(pool)[2] == 300
    contract.setCommission(pool, 900, sender=operator)
    boa.env.time_travel(seconds=WEEK - 1)
    assert contract.poolInfo(pool)[2] == 300
    boa.env.time_travel(seconds=1)
    assert contract.poolInfo(pool)[2] == 900
    with boa.reverts("pool: not the operator"):
        contract.setCommission(pool, 0, sender=vault.people.delegator)


def test_pause__stops_deposits_and_nothing_else(vault):
    contract, people = vault.contract, vault.people
    pool = vault.open_pool()
    units = vault.deposit(pool, 100, people.delegator)
    contract.pause(sender=people.guardian)
    assert contract.paused()
    with boa.reverts("vault: paused"):
        vault.deposit(pool, 100, people.delegator)
    period = contract.requestWithdrawal(pool, units, sender=people.delegator)
    boa.env.time_travel(seconds=2 * PERIOD)
    assert contract.claim(pool, period, sender=people.delegator) == 100
    contract.unpause(sender=people.governor)
    assert not contract.paused()
    assert vault.deposit(pool, 100, people.delegator) == 100
