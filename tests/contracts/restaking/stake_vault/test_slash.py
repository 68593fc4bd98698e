"""Slashes, escrows, annuls: what they take, from whom, and where it goes. Pitfalls named by docs/properties.md."""

import boa
import pytest

from tests.doubles.vault import EPOCH, PERIOD, WAD

BURN = "0x000000000000000000000000000000000000dEaD"
NOBODY = "0x" + "00" * 20
ID, LATER = b"\x01" * 32, b"\x02" * 32
PART = WAD // 20
OWN = 10**18


def release(vault, pool, bounty=0, damages=0, slash_id=ID, victim=NOBODY):
    reporter = vault.people.other
    vault.contract.release(slash_id, pool, reporter, bounty, victim, damages, sender=vault.slasher)


def owed(vault, payee):
    return vault.contract.payments(vault.token.address, payee)


def test_slash__takes_the_same_part_of_own_delegated_and_leaving_stake(vault):
    pool, people, contract = vault.open_pool(), vault.people, vault.contract
    vault.deposit(pool, OWN, people.delegator)
    period = contract.requestWithdrawal(pool, OWN // 2, sender=people.delegator)
    vault.slash(people.operator, 0, PART, ID)
    assert contract.escrowOf(ID, pool)[0] == 2 * OWN // 20
    assert contract.valueOf(pool, people.operator) == OWN * 19 // 20
    boa.env.time_travel(seconds=2 * PERIOD)
    assert contract.claim(pool, period, sender=people.delegator) == OWN // 2 * 19 // 20


def test_slash__withdrawal_that_matured__is_out_of_reach(vault):
    pool, people, contract = vault.open_pool(), vault.people, vault.contract
    vault.deposit(pool, OWN, people.delegator)
    period = contract.requestWithdrawal(pool, OWN, sender=people.delegator)
    boa.env.time_travel(seconds=2 * PERIOD)
    vault.slash(people.operator, 0, WAD // 2, ID)
    assert contract.escrowOf(ID, pool)[0] == OWN // 2
    assert contract.claim(pool, period, sender=people.delegator) == OWN


def test_slash__every_pool_of_the_operator__loses_the_same_part(vault):
    from tests.doubles.contracts import deploy

    people, contract = vault.people, vault.contract
    second = deploy("Token")
    second.mint(people.operator, OWN)
    contract.setCollateral(second.address, True, 1, sender=people.governor)
    first, other = vault.open_pool(), vault.create_pool(people.operator, token=second)
    vault.deposit(other, 5_000, people.operator, token=second)
    contract.setAllocation(other, 0, WAD, sender=people.operator)
    boa.env.time_travel(seconds=EPOCH)
    vault.slash(people.operator, 0, PART, ID)
    assert [contract.escrowOf(ID, pool)[0] for pool in (first, other)] == [OWN // 20, 250]


def test_slash__by_anyone_but_the_slasher__is_refused(vault):
    pool, people, contract = vault.open_pool(), vault.people, vault.contract
    for stranger in (people.governor, people.guardian, people.operator, people.outsider):
        with boa.reverts("vault: not the slasher"):
            contract.slash(people.operator, 0, PART, ID, sender=stranger)
        with boa.reverts("vault: not the slasher"):
            contract.slashLien(pool, stranger, 1, ID, sender=stranger)
        with boa.reverts("vault: not the slasher"):
            contract.release(ID, pool, stranger, 0, stranger, 0, sender=stranger)
        with boa.reverts("vault: not the slasher"):
            contract.annul(ID, pool, sender=stranger)


@pytest.mark.parametrize("fraction", [0, WAD + 1])
def test_slash__no_fraction__is_refused(vault, fraction):
    vault.open_pool()
    with boa.reverts("vault: bad fraction"):
        vault.slash(vault.people.operator, 0, fraction, ID)


def test_slash__same_id_again__is_refused(vault):
    vault.open_pool()
    vault.slash(vault.people.operator, 0, PART, ID)
    with boa.reverts("escrow: slash id used"):
        vault.slash(vault.people.operator, 0, PART, ID)


def test_slash__smallest_fraction__takes_something(vault):
    pool = vault.open_pool(own=10**20)
    vault.slash(vault.people.operator, 0, 1, ID)
    assert vault.contract.escrowOf(ID, pool)[0] == 100


def test_slash__pending_lowering__shrinks_with_it(vault):
    pool, operator, contract = vault.open_pool(), vault.people.operator, vault.contract
    contract.setAllocation(pool, 0, WAD // 2, sender=operator)
    vault.slash(operator, 0, WAD // 5, ID)
    assert contract.allocation(pool, 0)[:2] == (WAD * 4 // 5, WAD * 2 // 5)


def test_slash__pending_raise__is_not_reached(vault):
    pool, operator, contract = vault.open_pool(magnitude=WAD // 2), vault.people.operator, vault.contract
    contract.setAllocation(pool, 0, WAD, sender=operator)
    vault.slash(operator, 0, WAD // 5, ID)
    assert contract.allocation(pool, 0)[:2] == (WAD * 4 // 10, WAD * 9 // 10)


def test_release__pays_at_most_half_of_the_operators_own_and_burns_the_rest(vault):
    pool, people, contract = vault.open_pool(own=10_000), vault.people, vault.contract
    vault.deposit(pool, 990_000, people.delegator)
    vault.slash(people.operator, 0, PART, ID)
    amount, own = contract.escrowOf(ID, pool)
    assert (amount, own) == (50_000, 499)  # the share is kept in 28 bits, rounded down
    with boa.reverts("vault: bounty too high"):
        release(vault, pool, bounty=own // 2 + 1)
    with boa.reverts("vault: damages without a lien"):
        release(vault, pool, damages=1)
    release(vault, pool, bounty=own // 2)
    assert (owed(vault, people.other), owed(vault, BURN)) == (own // 2, 50_000 - own // 2)
    with boa.reverts("escrow: not open"):
        release(vault, pool)
    assert contract.withdrawPayment(vault.token.address, BURN) == 50_000 - own // 2
    assert vault.token.balanceOf(BURN) == 50_000 - own // 2
    assert contract.withdrawPayment(vault.token.address, BURN) == 0


def test_self_slash__operator_who_reports_itself__loses(vault):
    pool, people, contract = vault.open_pool(own=10_000), vault.people, vault.contract
    vault.deposit(pool, 990_000, people.delegator)
    before = contract.valueOf(pool, people.operator)
    vault.slash(people.operator, 0, PART, ID)
    release(vault, pool, bounty=contract.escrowOf(ID, pool)[1] // 2)
    assert contract.valueOf(pool, people.operator) + owed(vault, people.other) < before


def test_annul__gives_back_exactly_also_to_who_claimed_meanwhile(vault):
    pool, people, contract = vault.open_pool(), vault.people, vault.contract
    vault.deposit(pool, 3_333, people.delegator)
    period = contract.requestWithdrawal(pool, 3_333, sender=people.delegator)
    vault.slash(people.operator, 0, WAD // 3, ID)
    vault.slash(people.operator, 0, WAD // 7, LATER)
    boa.env.time_travel(seconds=2 * PERIOD)
    paid = contract.claim(pool, period, sender=people.delegator)
    contract.annul(ID, pool, sender=vault.slasher)
    paid += contract.claim(pool, period, sender=people.delegator)
    contract.annul(LATER, pool, sender=vault.slasher)
    paid += contract.claim(pool, period, sender=people.delegator)
    assert paid == 3_333
    assert contract.valueOf(pool, people.operator) == OWN
    assert contract.allocation(pool, 0) == (WAD, 0, 0)
    with boa.reverts("escrow: not open"):
        contract.annul(ID, pool, sender=vault.slasher)


@pytest.mark.parametrize("target", [0, WAD // 2])
def test_annul__lowering_that_came_into_force_meanwhile__ends_as_without_the_slash(vault, target):
    pool, operator, contract = vault.open_pool(), vault.people.operator, vault.contract
    contract.setAllocation(pool, 0, target, sender=operator)
    vault.slash(operator, 0, WAD // 3, ID)
    boa.env.time_travel(seconds=2 * PERIOD)
    contract.annul(ID, pool, sender=vault.slasher)
    assert contract.allocation(pool, 0) == (target, 0, 0)
    assert contract.poolState(pool)[1:3] == (WAD, target)


def test_annul__raise_that_came_into_force_meanwhile__ends_as_without_the_slash(vault):
    pool, operator, contract = vault.open_pool(magnitude=WAD // 4), vault.people.operator, vault.contract
    contract.setAllocation(pool, 0, WAD, sender=operator)
    vault.slash(operator, 0, WAD // 2, ID)
    boa.env.time_travel(seconds=EPOCH)
    contract.annul(ID, pool, sender=vault.slasher)
    assert contract.allocation(pool, 0) == (WAD, 0, 0)


def test_annul__raise_asked_for_meanwhile__keeps_its_increment(vault):
    pool, operator, contract = vault.open_pool(magnitude=WAD // 2), vault.people.operator, vault.contract
    vault.slash(operator, 0, WAD // 2, ID)
    contract.setAllocation(pool, 0, WAD // 2, sender=operator)
    contract.annul(ID, pool, sender=vault.slasher)
    assert contract.allocation(pool, 0)[:2] == (WAD // 2, WAD * 3 // 4)


def test_annul__after_more_slashed_periods_than_can_be_walked__is_refused_not_wrong(vault):
    pool, operator, contract = vault.open_pool(), vault.people.operator, vault.contract
    vault.slash(operator, 0, PART, ID)
    for number in range(64):
        boa.env.time_travel(seconds=PERIOD)
        vault.slash(operator, 0, 10**12, number.to_bytes(32, "big"))
    with boa.reverts("allocation: escrow too old"):
        contract.annul(ID, pool, sender=vault.slasher)


@pytest.fixture
def lien(vault):
    """A pool of a million, half of it held by a network, with as much delegated."""
    network, pool = boa.env.generate_address("network"), vault.open_pool(own=10**6)
    vault.deposit(pool, 10**6, vault.people.delegator)
    vault.contract.allowLien(pool, network, 500_000, 10**6, sender=vault.people.operator)
    vault.contract.takeLien(pool, 500_000, boa.env.evm.patch.timestamp + 10**6, sender=network)
    return pool, network


def test_slash_lien__takes_the_operators_own_units_only(vault, lien):
    (pool, network), people, contract = lien, vault.people, vault.contract
    assert contract.slashLien(pool, network, 300_000, ID, sender=vault.slasher) == 300_000
    assert contract.valueOf(pool, people.operator) == 700_000
    assert contract.valueOf(pool, people.delegator) == 10**6
    assert contract.lienOf(pool, network)[0] == 200_000
    victim = boa.env.generate_address("victim")
    with boa.reverts("vault: more than escrowed"):
        release(vault, pool, bounty=150_000, damages=150_001, victim=victim)
    release(vault, pool, bounty=50_000, damages=200_000, victim=victim)
    assert [owed(vault, payee) for payee in (people.other, victim, BURN)] == [50_000, 200_000, 50_000]


def test_slash_lien__more_than_held_or_left__takes_what_there_is(vault, lien):
    (pool, network), contract = lien, vault.contract
    vault.slash(vault.people.operator, 0, WAD * 9 // 10, LATER)
    assert contract.slashLien(pool, network, 10**6, ID, sender=vault.slasher) == 100_000
    assert contract.slashLien(pool, network, 10**6, b"\x03" * 32, sender=vault.slasher) == 0
    assert contract.coverage(pool) == (0, 400_000)


def test_annul__of_a_lien__owes_the_operator_what_was_taken(vault, lien):
    (pool, network), people, contract = lien, vault.people, vault.contract
    contract.slashLien(pool, network, 300_000, ID, sender=vault.slasher)
    contract.annul(ID, pool, sender=vault.slasher)
    assert owed(vault, people.operator) == 300_000


def test_stake_at__is_what_it_was_at_the_start_of_the_epoch(vault):
    pool, people, contract = vault.open_pool(), vault.people, vault.contract
    epoch = boa.env.evm.patch.timestamp // EPOCH + 1
    boa.env.time_travel(seconds=EPOCH)
    vault.deposit(pool, OWN, people.delegator)
    vault.slash(people.operator, 0, WAD // 2, ID)
    boa.env.time_travel(seconds=5 * EPOCH)
    assert contract.stakeAt(pool, 0, 0) == 0
    assert [contract.stakeAt(pool, 0, epoch + more) for more in range(3)] == [OWN, OWN, OWN]
