"""Rewards of pools: commission at once, the rest over an epoch to whoever holds units."""

import boa
import pytest

from tests.doubles.contracts import deploy
from tests.doubles.vault import EPOCH, RICHES

DUST = 2


@pytest.fixture
def reward(vault):
    """A token that rewards may be paid in, and which the payer has plenty of."""
    token = deploy("Token")
    token.mint(vault.people.outsider, RICHES)
    vault.contract.setRewardToken(token.address, True, sender=vault.people.governor)
    return token


@pytest.fixture
def pool(vault, reward):
    """A pool with a commission of a tenth, three quarters of it delegated."""
    people = vault.people
    pool = vault.create_pool(people.operator, 1_000)
    vault.deposit(pool, 10**18, people.operator)
    vault.deposit(pool, 3 * 10**18, people.delegator)
    vault.contract.allowReward(pool, reward.address, sender=people.operator)
    return pool


def pay(vault, reward, pool, amount):
    payer = vault.people.outsider
    reward.approve(vault.contract.address, amount, sender=payer)
    vault.contract.addRewards(pool, reward.address, amount, sender=payer)


def earned(vault, reward, pool, owner):
    vault.contract.collectRewards(pool, owner)
    return vault.contract.payments(reward.address, owner)


def near(amount):
    return pytest.approx(amount, abs=DUST)


def test_rewards__flow_over_an_epoch__in_proportion_after_commission(vault, reward, pool):
    people = vault.people
    pay(vault, reward, pool, 1_000_000)
    assert vault.contract.payments(reward.address, people.operator) == 100_000
    boa.env.time_travel(seconds=EPOCH // 2)
    assert earned(vault, reward, pool, people.delegator) == near(900_000 * 3 // 8)
    boa.env.time_travel(seconds=EPOCH)
    assert earned(vault, reward, pool, people.delegator) == near(900_000 * 3 // 4)
    assert earned(vault, reward, pool, people.operator) == near(100_000 + 900_000 // 4)
    before = reward.balanceOf(people.delegator)
    amount = vault.contract.withdrawPayment(reward.address, people.delegator)
    assert reward.balanceOf(people.delegator) - before == amount == near(675_000)


def test_rewards__who_joins_just_before__earns_nothing_of_what_has_flowed(vault, reward, pool):
    people = vault.people
    pay(vault, reward, pool, 1_000_000)
    boa.env.time_travel(seconds=EPOCH)
    vault.deposit(pool, 10**24, people.other)
    assert earned(vault, reward, pool, people.other) == 0
    assert earned(vault, reward, pool, people.delegator) == near(675_000)


def test_rewards__who_leaves__keeps_what_was_earned_and_earns_no_more(vault, reward, pool):
    people = vault.people
    pay(vault, reward, pool, 1_000_000)
    boa.env.time_travel(seconds=EPOCH // 2)
    vault.contract.requestWithdrawal(pool, 3 * 10**18, sender=people.delegator)
    boa.env.time_travel(seconds=EPOCH)
    assert earned(vault, reward, pool, people.delegator) == near(337_500)
    assert earned(vault, reward, pool, people.operator) == near(100_000 + 112_500 + 450_000)


def test_rewards__without_units__wait_for_some(vault, reward):
    people = vault.people
    pool = vault.create_pool(people.operator)
    vault.contract.allowReward(pool, reward.address, sender=people.operator)
    pay(vault, reward, pool, 1_000_000)
    boa.env.time_travel(seconds=5 * EPOCH)
    vault.deposit(pool, 10**18, people.delegator)
    assert earned(vault, reward, pool, people.delegator) == 0
    boa.env.time_travel(seconds=EPOCH)
    assert earned(vault, reward, pool, people.delegator) == near(1_000_000)


def test_rewards__dust_from_a_stranger__does_not_hold_up_the_stream(vault, reward, pool):
    pay(vault, reward, pool, 10**18)
    for _ in range(9):
        boa.env.time_travel(seconds=EPOCH // 10)
        pay(vault, reward, pool, 10)
    boa.env.time_travel(seconds=EPOCH // 10 + 5)
    assert earned(vault, reward, pool, vault.people.delegator) >= 10**18 * 9 // 10 * 3 // 4 - 10**6


def test_rewards__more_while_some_flow__all_arrive(vault, reward, pool):
    pay(vault, reward, pool, 1_000_000)
    boa.env.time_travel(seconds=EPOCH // 2)
    pay(vault, reward, pool, 3_000_000)
    boa.env.time_travel(seconds=EPOCH)
    assert earned(vault, reward, pool, vault.people.delegator) == near(4_000_000 * 9 // 10 * 3 // 4)


def test_rewards__of_a_slashed_pool__flow_on(vault, reward, pool):
    contract, people = vault.contract, vault.people
    contract.setAllocation(pool, 0, 10**18, sender=people.operator)
    boa.env.time_travel(seconds=EPOCH)
    vault.slash(people.operator, 0, 10**17, b"\x01" * 32)
    pay(vault, reward, pool, 1_000_000)
    boa.env.time_travel(seconds=EPOCH)
    assert earned(vault, reward, pool, people.delegator) == near(675_000)


def test_allow_reward__bad_ones__are_refused(vault, reward, pool):
    contract, people = vault.contract, vault.people
    with boa.reverts("pool: not the operator"):
        contract.allowReward(pool, reward.address, sender=people.delegator)
    with boa.reverts("rewards: token not allowed"):
        contract.allowReward(pool, vault.token.address, sender=people.operator)
    with boa.reverts("rewards: allowed already"):
        contract.allowReward(pool, reward.address, sender=people.operator)
    contract.setRewardToken(vault.token.address, True, sender=people.governor)
    contract.allowReward(pool, vault.token.address, sender=people.operator)
    third = deploy("Token")
    contract.setRewardToken(third.address, True, sender=people.governor)
    assert contract.isRewardToken(third.address)
    with boa.reverts("rewards: too many tokens"):
        contract.allowReward(pool, third.address, sender=people.operator)
    assert contract.rewardTokens(pool) == [reward.address, vault.token.address]
    with boa.reverts("roles: not governor"):
        contract.setRewardToken(third.address, True, sender=people.operator)


def test_add_rewards__bad_ones__are_refused(vault, reward, pool):
    contract, payer = vault.contract, vault.people.outsider
    for amount in (0, 2**96):
        with boa.reverts("rewards: bad amount"):
            contract.addRewards(pool, reward.address, amount, sender=payer)
    with boa.reverts("rewards: not for this pool"):
        contract.addRewards(pool, vault.token.address, 1, sender=payer)
    pay(vault, reward, pool, 2**95)
    with boa.reverts("rewards: stream too large"):
        pay(vault, reward, pool, 2**96 - 1)
