"""Mining on a real flow: epochs, windows, difficulty, shards, two hops, and what the reward pays."""

from dataclasses import replace

import boa
import pytest

from offchain.errors import Invalid
from offchain.protocol.difficulty import after_epochs
from offchain.protocol.pora import verify, window
from offchain.protocol.recall import recall
from offchain.protocol.shards import Shard
from tests.doubles.blocks import block_hash, mine
from tests.doubles.flow import BLOCKS_PER_EPOCH, PARAMETERS, deploy_mine
from tests.doubles.mining import Network, encode, encode_second

MiB = 1 << 20


@pytest.fixture
def network():
    """A flow of 2 MiB whose first epoch has begun."""
    network = Network()
    network.store(MiB)
    network.next_epoch()
    return network


@pytest.fixture
def miner(network):
    """Registered, and in its window."""
    miner = network.register("miner")
    network.enter_window(miner)
    return miner


def test_submit__valid_answer__is_what_the_model_accepts(network, miner):
    target = network.mine.computeWorkerContext(miner.id)[1]
    answer = network.solve(miner)
    verify(answer, network.surroundings(target, miners={miner.id}))
    network.submit(answer)
    assert network.mine.currentSubmissions() == 1


def test_submit__several_answers_of_an_epoch__until_it_is_full(network, miner):
    nonce, sent = 0, []
    for number in range(2 * PARAMETERS.wanted):
        assert network.mine.canSubmit()
        answer = network.solve(miner, nonce=nonce)
        nonce = int.from_bytes(answer.nonce, "big")
        network.submit(answer)
        sent.append(answer)
        assert network.mine.currentSubmissions() == number + 1
    assert not network.mine.canSubmit()
    assert network.mine.computeWorkerContext(miner.id)[1] == 0
    with boa.reverts("mine: epoch is full"):
        network.submit(sent[0])


def test_submit__same_answer_in_the_next_epoch__is_of_another_context(network, miner):
    answer = network.solve(miner)
    network.submit(answer)
    network.next_epoch()
    network.enter_window(miner)
    with boa.reverts("mine: wrong context"):
        network.submit(answer)


def test_worker_context__outside_the_window_or_unknown__tells_not_to_mine(network, miner):
    # The last window of an epoch may end with it, and asking would open the next one: take an epoch with the first.
    while window(network.context(), miner.id, PARAMETERS).start > network.context().mine_start + 1:
        network.next_epoch()
    network.enter_window(miner)
    told, target, digest, shards = network.mine.computeWorkerContext(miner.id)
    context = network.context()
    blocks = window(context, miner.id, PARAMETERS)
    assert (told.digest, shards) == (context.digest, PARAMETERS.max_shards)
    assert digest == network.task(miner).subtask_digest and target == (1 << 256) - 1
    assert network.mine.computeWorkerContext(bytes(32))[1] == 0
    mine(blocks.stop - boa.env.evm.patch.block_number)
    assert network.mine.computeWorkerContext(miner.id)[1] == 0


def test_submit__shards__each_proves_its_own_loads(network, miner):
    shards = [Shard(number, 2) for number in range(2)]
    for shard in shards:
        answer = network.solve(miner, shard)
        assert answer.recall_position // 1024 % 2 == shard.number
        network.submit(answer)
    other = replace(answer, range=replace(answer.range, shard_id=0))
    with boa.reverts():
        network.submit(other)


def test_submit__nonce_that_leads_beyond_the_range__is_refused():
    network = Network()
    network.store(MiB)
    network.store(MiB // 4)
    network.next_epoch()
    miner = network.register("miner")
    network.enter_window(miner)
    shard = Shard(3, 4)
    answer, task = network.solve(miner, shard), network.task(miner, shard)
    nonces = (number.to_bytes(32, "big") for number in range(1_000))
    beyond = next(nonce for nonce in nonces if recall(task, nonce).position is None)
    with boa.reverts("mine: load beyond the range"):
        network.submit(replace(answer, nonce=beyond))


def test_difficulty__more_answers_than_wanted__doubles_at_most(network, miner):
    nonce = 0
    for _ in range(2 * PARAMETERS.wanted):
        answer = network.solve(miner, nonce=nonce)
        nonce = int.from_bytes(answer.nonce, "big")
        network.submit(answer)
    before = network.mine.poraTarget()
    network.next_epoch()
    network.enter_window(miner)
    target = network.mine.computeWorkerContext(miner.id)[1]
    assert before * 97 // 100 < target < before
    network.submit(network.solve(miner))
    assert network.mine.poraTarget() == target


@pytest.mark.parametrize("skipped", [0, 1, 5, 300])
def test_difficulty__skipped_epochs__ease_it_for_each(skipped):
    network = Network(difficulty=32)
    network.store(MiB)
    network.next_epoch()
    miner = network.register("miner")
    network.enter_window(miner)
    network.submit(network.solve(miner))
    last, before = network.context().epoch, network.mine.poraTarget()
    mine(skipped * BLOCKS_PER_EPOCH)
    network.next_epoch()
    network.enter_window(miner)
    epoch = network.context().epoch
    expected = after_epochs(before, PARAMETERS.wanted, 1, 20, last, epoch, 1)
    assert epoch - last > skipped and network.mine.computeWorkerContext(miner.id)[1] == expected
    network.submit(network.solve(miner))
    assert network.mine.poraTarget() == expected


def test_difficulty__never_mined__waits_for_a_pace_to_compare_with():
    network = Network(difficulty=1 << 20)
    network.store(MiB)
    miner = network.register("miner")
    for _ in range(3):
        network.next_epoch()
    network.enter_window(miner)
    assert network.mine.computeWorkerContext(miner.id)[1] == ((1 << 256) - 1) >> 20


def test_difficulty__easier_than_the_minimum__is_never_reached():
    network = Network(difficulty=32)
    network.store(MiB)
    network.next_epoch()
    network.mine.setMinDifficulty(16, sender=network.governor)
    miner = network.register("miner")
    network.enter_window(miner)
    network.submit(network.solve(miner))
    for _ in range(60):
        network.next_epoch()
    network.enter_window(miner)
    assert network.mine.computeWorkerContext(miner.id)[1] == ((1 << 256) - 1) // 16


def test_set_parameter__applies_with_the_next_mined_epoch(network, miner):
    network.mine.setTargetSubmissions(1, sender=network.governor)
    assert (network.mine.targetSubmissions(), network.mine.targetSubmissionsNextEpoch()) == (4, 1)
    network.submit(network.solve(miner))
    assert network.mine.targetSubmissions() == 1
    network.next_epoch()
    network.enter_window(miner)
    answer = network.solve(miner)
    network.submit(answer)
    network.mine.setMaxShards(1, sender=network.governor)
    network.mine.setTargetSubmissions(2, sender=network.governor)
    nonce = int.from_bytes(answer.nonce, "big")
    answer = network.solve(miner, nonce=nonce)
    network.submit(answer)
    nonce = int.from_bytes(answer.nonce, "big")
    assert (network.mine.maxShards(), network.mine.targetSubmissions()) == (16, 1)
    with boa.reverts("mine: epoch is full"):
        network.submit(network.solve(miner, target=(1 << 256) - 1, nonce=nonce))


BOUNDS = [
    ("setTargetSubmissions", "mine: bad target", (1, 200), (0, 201)),
    ("setTargetMineBlocks", "mine: bad window", (1, 50), (0, 51, 1 << 40)),
    ("setNumSubtasks", "mine: bad subtasks", (1, 2), (0, 1 << 16)),
    ("setNumSubtasks", "mine: bad window", (1, 2), (3,)),
    ("setSubtaskInterval", "mine: bad window", (0, 50), (51, 1 << 200)),
    ("setMaxShards", "mine: bad shards", (1, 64, 256), (0, 3, 512)),
    ("setDifficultyAdjustRatio", "mine: bad ratio", (1, 1_000), (0, 1 << 32)),
    ("setMinDifficulty", "mine: bad difficulty", (1, 1 << 200), (0,)),
]


@pytest.mark.parametrize(("name", "reason", "good", "bad"), BOUNDS, ids=[f"{row[0]} {row[1]}" for row in BOUNDS])
def test_set_parameter__bounds_and_caller(network, name, reason, good, bad):
    setter = getattr(network.mine, name)
    for value in good:
        setter(value, sender=network.governor)
    for value in bad:
        with boa.reverts(reason):
            setter(value, sender=network.governor)
    with boa.reverts("roles: not governor"):
        setter(good[0], sender=network.payer)


def test_miner_id__is_unique_and_moves_with_its_beneficiary_only(network, people):
    miner = network.register("owner")
    with boa.reverts("mine: id exists"):
        network.mine.requestMinerId(people.friend, 0, sender=miner.owner)
    with boa.reverts("mine: no beneficiary"):
        network.mine.requestMinerId("0x" + "00" * 20, 1, sender=miner.owner)
    with boa.reverts("mine: not the beneficiary"):
        network.mine.transferBeneficial(people.friend, miner.id, sender=people.friend)
    with boa.reverts("mine: no beneficiary"):
        network.mine.transferBeneficial("0x" + "00" * 20, miner.id, sender=miner.owner)
    network.mine.transferBeneficial(people.friend, miner.id, sender=miner.owner)
    assert network.mine.beneficiaries(miner.id) == people.friend


def test_set_reward__needs_code_and_the_governor(network, people):
    with boa.reverts("mine: reward has no code"):
        network.mine.setReward(people.friend, sender=network.governor)
    with boa.reverts("roles: not governor"):
        network.mine.setReward(network.reward.address, sender=people.friend)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"difficulty": 0}, "mine: bad difficulty"),
        ({"chunk": 0}, "mine: bad chunk"),
        ({"chunk": 1_000}, "mine: bad chunk"),
    ],
)
def test_deploy__impossible_parameters__are_refused(network, changes, reason):
    chunk, difficulty = changes.get("chunk", 4096), changes.get("difficulty", 1)
    with boa.reverts(reason):
        deploy_mine(network.flow.flow, network.governor, replace(PARAMETERS, pricing_sectors=chunk), difficulty, False)


def test_fixed_difficulty__stays(people):
    network = Network(difficulty=1 << 40, fixed=True)
    assert network.mine.poraTarget() == (1 << 256) - 1


@pytest.fixture
def two_hops():
    """A network whose proofs lead from one unit to another."""
    network = Network(replace(PARAMETERS, two_hops=True))
    network.store(MiB)
    network.next_epoch()
    miner = network.register("miner")
    network.enter_window(miner)
    return network, miner


def test_two_hops__valid_answer__is_accepted_once(two_hops):
    network, miner = two_hops
    answer = network.solve(miner)
    verify(answer, network.surroundings((1 << 256) - 1, miners={miner.id}))
    with boa.reverts("mine: two hops needed"):
        network.mine.submit(encode(answer))
    network.submit(answer)
    with boa.reverts("mine: known answer"):
        network.submit(answer)


def test_two_hops__wrong_second_unit__is_refused_as_by_the_model(two_hops):
    network, miner = two_hops
    answer = network.solve(miner)
    first, second = answer.unit, answer.second
    surroundings = network.surroundings((1 << 256) - 1, miners={miner.id})
    for wrong in (
        first,
        replace(second, data=bytes([second.data[0] ^ 1]) + second.data[1:]),
        replace(second, proof=second.proof[1:]),
        replace(second, context_digest=bytes(32)),
    ):
        changed = replace(answer, second=wrong)
        with pytest.raises(Invalid) as refused:
            verify(changed, surroundings)
        with boa.reverts(str(refused.value)):
            network.submit(changed)


def test_two_hops__first_unit_that_leads_nowhere__is_refused(two_hops):
    network, miner = two_hops
    one_hop = replace(network.parameters, two_hops=False)
    network.parameters, parameters = one_hop, network.parameters
    answer = network.solve(miner)
    network.parameters = parameters
    with boa.reverts("mine: not good enough"):
        network.mine.submitTwoHops(encode(answer), encode_second(answer.unit))


def test_one_hop__second_unit__is_refused(network, miner):
    answer = network.solve(miner)
    with boa.reverts("mine: one hop only"):
        network.mine.submitTwoHops(encode(answer), encode_second(answer.unit))


def test_window__start_block__is_the_chains(network, miner):
    start = window(network.context(), miner.id, PARAMETERS).start - 1
    assert boa.env.evm.patch.prev_hashes[boa.env.evm.patch.block_number - start - 1] == block_hash(start)
