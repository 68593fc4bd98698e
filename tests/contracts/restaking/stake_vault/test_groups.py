"""Allocations to security groups, and liens."""

import boa
import pytest

from tests.doubles.vault import EPOCH, MINIMUM, PERIOD, WAD

HALF, QUARTER = WAD // 2, WAD // 4


def test_set_allocation__more__counts_after_an_epoch(vault):
    pool, operator, contract = vault.open_pool(magnitude=HALF), vault.people.operator, vault.contract
    since = contract.setAllocation(pool, 3, QUARTER, sender=operator)
    assert since == boa.env.evm.patch.timestamp + EPOCH
    assert contract.allocation(pool, 3) == (0, QUARTER, since)
    boa.env.time_travel(seconds=EPOCH - 1)
    assert contract.stakeOf(pool, 3) == 0
    boa.env.time_travel(seconds=1)
    assert contract.stakeOf(pool, 3) == 10**18 // 4
    assert contract.poolState(pool)[2] == HALF + QUARTER


def test_set_allocation__less__can_be_slashed_for_two_periods(vault):
    pool, operator, contract = vault.open_pool(), vault.people.operator, vault.contract
    contract.setAllocation(pool, 0, 0, sender=operator)
    boa.env.time_travel(seconds=2 * PERIOD - 1)
    assert contract.slashable(pool, 0) == 10**18
    boa.env.time_travel(seconds=1)
    assert contract.slashable(pool, 0) == 0
    contract.settleAllocation(pool, 0)
    assert contract.poolState(pool)[2] == 0


def test_set_allocation__bad_ones__are_refused(vault):
    pool, operator, contract = vault.open_pool(magnitude=HALF), vault.people.operator, vault.contract
    with boa.reverts("pool: not the operator"):
        contract.setAllocation(pool, 0, 0, sender=vault.people.delegator)
    with boa.reverts("allocation: no such group"):
        contract.setAllocation(pool, 2**32, QUARTER, sender=operator)
    with boa.reverts("allocation: not in steps"):
        contract.setAllocation(pool, 1, QUARTER + 1, sender=operator)
    with boa.reverts("allocation: no change"):
        contract.setAllocation(pool, 0, HALF, sender=operator)
    with boa.reverts("allocation: more than free"):
        contract.setAllocation(pool, 1, HALF + 10**12, sender=operator)
    contract.setAllocation(pool, 1, HALF, sender=operator)
    with boa.reverts("allocation: change pending"):
        contract.setAllocation(pool, 1, 0, sender=operator)


def test_set_allocation__operator_without_own_stake__is_refused(vault):
    pool = vault.create_pool(vault.people.operator)
    vault.deposit(pool, 10**18, vault.people.delegator)
    vault.deposit(pool, MINIMUM - 1, vault.people.operator)
    with boa.reverts("vault: own stake too low"):
        vault.contract.setAllocation(pool, 0, WAD, sender=vault.people.operator)


def test_set_allocation__closed_pool__is_refused(vault):
    pool, operator, contract = vault.open_pool(own=10**27), vault.people.operator, vault.contract
    vault.slash(operator, 0, WAD - 1, b"\x01" * 32)
    assert contract.valueOf(pool, operator) >= MINIMUM
    with boa.reverts("allocation: pool closed"):
        contract.setAllocation(pool, 1, 10**12, sender=operator)


class Network:
    """An account that plays a network's contract."""

    def __init__(self, vault, own=1_000_000, amount=600_000, term=50_000):
        self.vault, self.contract = vault, vault.contract
        self.address = boa.env.generate_address("network")
        self.pool = vault.open_pool(own=own)
        self.contract.allowLien(self.pool, self.address, amount, term, sender=vault.people.operator)

    @property
    def now(self):
        return boa.env.evm.patch.timestamp

    def take(self, amount, seconds=50_000):
        self.contract.takeLien(self.pool, amount, self.now + seconds, sender=self.address)


@pytest.fixture
def network(vault):
    return Network(vault)


def test_lien__holds_the_operators_own_stake_only(vault, network):
    contract, people = vault.contract, vault.people
    units = vault.deposit(network.pool, 5_000, people.delegator)
    network.take(600_000)
    assert contract.coverage(network.pool) == (1_000_000, 600_000)
    assert contract.lienOf(network.pool, network.address) == (600_000, network.now + 50_000)
    with boa.reverts("vault: held by liens"):
        contract.requestWithdrawal(network.pool, 400_001, sender=people.operator)
    contract.requestWithdrawal(network.pool, 400_000, sender=people.operator)
    contract.requestWithdrawal(network.pool, units, sender=people.delegator)


def test_take_lien__beyond_what_was_allowed__is_refused(vault, network):
    for amount in (0, 600_001):
        with boa.reverts("lien: not allowed"):
            network.take(amount)
    with boa.reverts("lien: term too long"):
        network.take(1, 50_001)
    with boa.reverts("lien: already over"):
        network.take(1, 0)
    with boa.reverts("lien: not allowed"):
        vault.contract.takeLien(network.pool, 1, network.now + 1, sender=vault.people.outsider)


def test_take_lien__beyond_the_operators_own_stake__is_refused(vault):
    network = Network(vault, own=2_000, amount=5_000)
    vault.deposit(network.pool, 10_000, vault.people.delegator)
    with boa.reverts("lien: not covered"):
        network.take(2_001)


def test_allow_lien__by_others_or_too_much__is_refused(vault, network):
    operator = vault.people.operator
    with boa.reverts("pool: not the operator"):
        vault.contract.allowLien(network.pool, network.address, 1, 1, sender=vault.people.outsider)
    for amount, term in ((2**96, 1), (1, 2**48)):
        with boa.reverts("lien: allowance too large"):
            vault.contract.allowLien(network.pool, network.address, amount, term, sender=operator)


def test_release_lien__by_the_network_or_once_over__frees_the_stake(vault, network):
    contract, outsider = vault.contract, vault.people.outsider
    network.take(600_000)
    contract.releaseLien(network.pool, network.address, 100_000, sender=network.address)
    with boa.reverts("lien: not over"):
        contract.releaseLien(network.pool, network.address, 1, sender=outsider)
    boa.env.time_travel(seconds=50_000)
    with boa.reverts("lien: more than held"):
        contract.releaseLien(network.pool, network.address, 500_001, sender=outsider)
    contract.releaseLien(network.pool, network.address, 500_000, sender=outsider)
    assert contract.coverage(network.pool) == (1_000_000, 0)


def test_lien_and_isolated_group__never_share_a_pool(vault, network):
    contract, operator = vault.contract, vault.people.operator
    contract.setAllocation(network.pool, 0, HALF, sender=operator)
    boa.env.time_travel(seconds=2 * PERIOD)
    network.take(1_000)
    with boa.reverts("vault: pool has liens"):
        contract.setAllocation(network.pool, 1, QUARTER, sender=operator)
    contract.releaseLien(network.pool, network.address, 1_000, sender=network.address)
    contract.setAllocation(network.pool, 1, QUARTER, sender=operator)
    with boa.reverts("vault: isolated groups"):
        network.take(1_000)
