"""The chunk reward: who may fill and claim, how fees spread over chunks and time, what is paid and when."""

import boa
import pytest

from tests.doubles.blocks import wait
from tests.doubles.contracts import deploy
from tests.doubles.flow import events

CHUNK = 65_536
TERM = 1_000
ID = b"\x11" * 32
HALVED_IN_A_DAY = int(2**128 * 0.5 ** (1 / 86_400))


def deploy_reward(people, term=TERM, kept=0, fee=0, chunk=CHUNK):
    """Fed by the payer, claimed from by the outsider, governed and taxed by the friend."""
    return deploy("ChunkReward", people.friend, people.payer, people.outsider, chunk, term, kept, people.friend, fee)


@pytest.fixture
def reward(people):
    return deploy_reward(people)


@pytest.fixture
def miner():
    return boa.env.generate_address("miner")


def fill(reward, people, amount, before=0, sectors=16):
    reward.fillReward(before, sectors, value=amount, sender=people.payer)


def claim(reward, people, miner, chunk=0):
    """Claim as the mine does; returns what the miner is owed for it."""
    before = reward.payments(miner)
    reward.claimMineReward(chunk, miner, ID, sender=people.outsider)
    [told] = events(reward, "DistributeReward")
    assert told.pricingIndex == chunk and told.minerId == ID
    assert told.amount == reward.payments(miner) - before
    return told.amount


def held(reward, chunk=0):
    state = reward.rewards(chunk)
    return state.lockedReward, state.claimableReward, state.distributedReward


def test_fill__starts_to_release_at_once_and_evenly(reward, people):
    fill(reward, people, 10_000)
    assert held(reward) == (10_000, 0, 0)
    wait(TERM // 4)
    assert held(reward) == (7_500, 2_500, 0)
    wait(TERM)
    assert held(reward) == (0, 10_000, 0)
    assert reward.rewardDeadline(0) == boa.env.evm.patch.timestamp - TERM // 4


def test_claim__pays_half_of_what_is_claimable(reward, people, miner):
    fill(reward, people, 10_000)
    assert claim(reward, people, miner) == 0
    wait(TERM // 2)
    assert [claim(reward, people, miner) for _ in range(3)] == [2_500, 1_250, 625]
    assert held(reward) == (5_000, 625, 4_375)


def test_fill__later_one__shares_the_mean_of_the_terms(reward, people, miner):
    fill(reward, people, 10_000)
    wait(TERM // 2)
    fill(reward, people, 5_000)
    assert held(reward) == (10_000, 5_000, 0)
    wait(375)
    assert held(reward) == (5_000, 10_000, 0)
    wait(375)
    assert held(reward) == (0, 15_000, 0)


def test_fill__across_a_border__splits_by_sectors(reward, people):
    fill(reward, people, 1_000, before=CHUNK - 25, sectors=100)
    assert [held(reward, i)[0] for i in range(3)] == [250, 750, 0]


def test_fill__many_whole_chunks__costs_no_more_and_gives_each_its_part(reward, people, miner):
    sectors = 10**6 * CHUNK
    fill(reward, people, 10**9, before=CHUNK // 2, sectors=sectors)
    gas = reward._computation.get_gas_used()
    assert gas < 400_000
    assert held(reward, 0)[0] == 500
    assert {held(reward, i)[0] for i in (1, 2, 77_777, 999_999)} == {1_000}
    assert held(reward, 10**6)[0] == 10**9 - 500 - 999_999 * 1_000
    assert held(reward, 10**6 + 1) == (0, 0, 0)
    wait(TERM // 2)
    assert claim(reward, people, miner, 77_777) == 250
    wait(TERM)
    assert held(reward, 77_777) == (0, 750, 250)
    assert held(reward, 77_778) == (0, 1_000, 0)


def test_fill__several_runs__each_chunk_finds_its_own(reward, people):
    at = 0
    for number in range(1, 6):
        fill(reward, people, number * 10 * 1_000, before=at, sectors=10 * CHUNK)
        at += 10 * CHUNK
    for number in range(1, 6):
        assert {held(reward, 10 * number - i)[0] for i in (9, 5, 2)} == {number * 1_000}


def test_claim__unknown_chunk__pays_nothing(reward, people, miner):
    reward.donate(value=100, sender=people.payer)
    reward.setBaseReward(10, sender=people.friend)
    assert claim(reward, people, miner, 7) == 0


def test_claim__before_a_run_brings_the_fees__loses_nothing(reward, people, miner):
    assert claim(reward, people, miner, 1) == 0
    fill(reward, people, 3_000, before=0, sectors=3 * CHUNK)
    assert [held(reward, i)[0] for i in range(3)] == [1_000] * 3


def test_base_reward__while_the_chunk_is_live_and_donations_last(reward, people, miner):
    reward.donate(value=25, sender=people.outsider)
    reward.setBaseReward(10, sender=people.friend)
    fill(reward, people, 0)
    assert [claim(reward, people, miner) for _ in range(4)] == [10, 10, 5, 0]
    reward.donate(value=25, sender=people.outsider)
    wait(TERM)
    assert claim(reward, people, miner) == 0
    assert (reward.totalBaseReward(), reward.baseReward()) == (25, 10)


@pytest.mark.parametrize("name", ["setBaseReward", "setServiceFee"])
def test_setters__not_from_the_governor__revert(reward, people, name):
    arguments = (1,) if name == "setBaseReward" else (people.payer, 1)
    with boa.reverts("roles: not governor"):
        getattr(reward, name)(*arguments, sender=people.payer)


def test_refusals(reward, people, miner):
    with boa.reverts("reward: not the market"):
        reward.fillReward(0, 1, value=1, sender=people.outsider)
    with boa.reverts("reward: not the mine"):
        reward.claimMineReward(0, miner, ID, sender=people.payer)
    with boa.reverts("reward: no sectors"):
        reward.fillReward(0, 0, value=1, sender=people.payer)
    with boa.reverts("reward: nothing donated"):
        reward.donate()
    with boa.reverts("reward: amount too large"):
        reward.setBaseReward(1 << 128, sender=people.friend)


def test_fill__more_than_a_chunk_can_account__reverts_and_loses_nothing(reward, people):
    boa.env.set_balance(people.payer, 1 << 96)
    with boa.reverts("reward: chunk is full"):
        fill(reward, people, 1 << 94)
    assert boa.env.get_balance(reward.address) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"term": 0}, "reward: one of term and decay"),
        ({"kept": 1}, "reward: one of term and decay"),
        ({"term": 10**10}, "reward: bad release"),
        ({"term": 0, "kept": 1 << 128}, "reward: bad release"),
        ({"chunk": 1_000}, "reward: bad chunk"),
        ({"chunk": 0}, "reward: bad chunk"),
    ],
)
def test_deploy__impossible_parameters__are_refused(people, options, reason):
    with boa.reverts(reason):
        deploy_reward(people, **options)


def test_service_fee__is_set_aside_before_miners(people, miner):
    reward = deploy_reward(people, fee=1_000)
    fill(reward, people, 10_000)
    assert held(reward)[0] == 9_000 and reward.serviceFeeDue() == 1_000
    before = boa.env.get_balance(people.friend)
    reward.withdrawServiceFee()
    assert boa.env.get_balance(people.friend) - before == 1_000


def test_set_service_fee__bounds__nothing_due_is_left_to_nobody(people):
    reward, nobody = deploy_reward(people, fee=2_000), "0x" + "00" * 20
    with boa.reverts("fee: rate too high"):
        reward.setServiceFee(people.friend, 2_001, sender=people.friend)
    with boa.reverts("fee: no treasury"):
        reward.setServiceFee(nobody, 1, sender=people.friend)
    fill(reward, people, 10_000)
    with boa.reverts("fee: no treasury"):
        reward.setServiceFee(nobody, 0, sender=people.friend)
    reward.withdrawServiceFee()
    reward.setServiceFee(nobody, 0, sender=people.friend)
    fill(reward, people, 10_000)
    assert reward.serviceFeeDue() == 0 and held(reward)[0] == 18_000


def test_withdraw_service_fee__treasury_that_calls_back__is_paid_once(people):
    treasury = deploy("Payer")
    reward = deploy_reward(people, fee=1_000)
    treasury.setup(False, reward.withdrawServiceFee.prepare_calldata())
    reward.setServiceFee(treasury.address, 1_000, sender=people.friend)
    fill(reward, people, 10_000)
    reward.withdrawServiceFee()
    assert treasury.received() == 1_000 and not treasury.callback_result()


def test_withdraw_service_fee__treasury_that_refuses__blocks_nobody_else(people, miner):
    treasury = deploy("Payer")
    treasury.setup(True, b"")
    reward = deploy_reward(people, fee=1_000)
    reward.setServiceFee(treasury.address, 1_000, sender=people.friend)
    fill(reward, people, 10_000)
    with boa.reverts():
        reward.withdrawServiceFee()
    wait(TERM)
    assert claim(reward, people, miner) == 4_500 and reward.serviceFeeDue() == 1_000


def test_withdraw__pays_once_and_only_what_is_owed(reward, people, miner):
    fill(reward, people, 10_000)
    wait(TERM)
    claim(reward, people, miner)
    reward.withdrawPayments(miner, sender=people.outsider)
    reward.withdrawPayments(miner, sender=people.outsider)
    assert boa.env.get_balance(miner) == 5_000
    assert boa.env.get_balance(reward.address) == 5_000


def test_withdraw__payee_that_refuses__harms_nobody_else(reward, people, miner):
    refusing = deploy("Payer")
    refusing.setup(True, b"")
    fill(reward, people, 10_000)
    wait(TERM)
    reward.claimMineReward(0, refusing.address, ID, sender=people.outsider)
    with boa.reverts():
        reward.withdrawPayments(refusing.address)
    assert reward.payments(refusing.address) == 5_000
    assert claim(reward, people, miner) == 2_500
    reward.withdrawPayments(miner)


def test_withdraw__payee_that_calls_back__is_paid_once(reward, people):
    greedy = deploy("Payer")
    greedy.setup(False, reward.withdrawPayments.prepare_calldata(greedy.address))
    fill(reward, people, 10_000)
    wait(TERM)
    reward.claimMineReward(0, greedy.address, ID, sender=people.outsider)
    reward.withdrawPayments(greedy.address)
    assert boa.env.get_balance(greedy.address) == 5_000 and not greedy.callback_result()


def test_first_rewardable_chunk__moves_with_the_deadlines(reward, people):
    assert reward.firstRewardableChunk() == (0, boa.env.evm.patch.timestamp)
    for number in range(5):
        fill(reward, people, 1_000, before=number * CHUNK, sectors=CHUNK)
        wait(100)
    for number in range(5):
        wait(TERM - 500 if number == 0 else 100)
        assert reward.firstRewardableChunk()[0] == number + 1
    assert [reward.rewardDeadline(i) > 0 for i in range(6)] == [True] * 5 + [False]


def test_decay__halves_in_its_half_life_and_never_ends(people, miner):
    reward = deploy_reward(people, term=0, kept=HALVED_IN_A_DAY)
    fill(reward, people, 10**18)
    for days in range(1, 4):
        wait(86_400)
        assert abs(held(reward)[0] - 10**18 // 2**days) < 10**8
    assert reward.firstRewardableChunk()[0] == 0
    assert reward.rewardDeadline(0) == (1 << 256) - 1
    assert claim(reward, people, miner) == held(reward)[2]
    assert sum(held(reward)) == 10**18
    wait(10**9)
    assert held(reward)[0] == 0
