"""The answer that the existing mine contract accepted, and everything that is not quite that answer."""

from dataclasses import replace

import boa
import pytest

from offchain.protocol.epochs import UNKNOWN
from offchain.protocol.keccak import keccak256
from offchain.protocol.pora import Parameters
from tests.doubles.contracts import deploy
from tests.doubles.flow import deploy_mine, events
from tests.doubles.mining import block_hashes_are, encode
from tests.doubles.pora_vector import ANSWER, CONTEXT, RANGES, SUBTASK_BLOCK

PARAMETERS = Parameters(subtasks=1, interval=100, mine_blocks=20, max_shards=4, wanted=4)
OTHER = keccak256(b"something else")


@pytest.fixture
def flow():
    """A flow that tells the vector's context, and the chain that opened its subtask."""
    boa.env.evm.patch.block_number = CONTEXT.mine_start + 1
    block_hashes_are({CONTEXT.mine_start: SUBTASK_BLOCK})
    flow = deploy("ToldFlow", PARAMETERS.interval)
    tell(flow, CONTEXT)
    for each in RANGES:
        flow.seal(each.digest, each.start, each.end)
    return flow


@pytest.fixture
def mine(flow, people):
    """A mine at difficulty 1 in which the vector's miner is registered."""
    mine = deploy_mine(flow, people.payer, PARAMETERS, 1, False)
    register(mine, ANSWER.miner_id, people.friend)
    mine.setReward(deploy("RecordingMineReward").address, sender=people.payer)
    return mine


def tell(flow, context):
    flow.tell(tuple(getattr(context, name) for name in context.__slots__))


def register(mine, miner, beneficiary):
    """Give the miner id of a vector, which nobody can ask for, a beneficiary."""
    slot = mine.compiler_data.storage_layout["storage_layout"]["miner_ids"]["beneficiaries"]["slot"]
    key = keccak256(slot.to_bytes(32, "big") + miner)
    boa.env.set_storage(mine.address, int.from_bytes(key, "big"), int(beneficiary, 16))


def within(**changes):
    return replace(ANSWER, range=replace(ANSWER.range, **changes))


def unit(**changes):
    return replace(ANSWER, unit=replace(ANSWER.unit, **changes))


def flipped(data, bit=0):
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


def test_submit__accepted_answer__is_accepted_and_claims_its_reward(mine, people):
    mine.submit(encode(ANSWER))
    [told] = events(mine, "NewSubmission")
    assert (told.epoch, told.minerId, told.epochIndex) == (CONTEXT.epoch, ANSWER.miner_id, 0)
    assert told.recallPosition == ANSWER.recall_position
    reward = deploy("RecordingMineReward")
    mine.setReward(reward.address, sender=people.payer)
    with boa.reverts("mine: known answer"):
        mine.submit(encode(ANSWER))
    assert (mine.lastMinedEpoch(), mine.currentSubmissions()) == (CONTEXT.epoch, 1)


def test_submit__accepted_answer__names_chunk_and_beneficiary(mine, people):
    reward = deploy("RecordingMineReward")
    mine.setReward(reward.address, sender=people.payer)
    mine.submit(encode(ANSWER))
    assert reward.claims() == [(0, people.friend, ANSWER.miner_id)]


REFUSED = {
    "mine: unknown miner": [replace(ANSWER, miner_id=OTHER)],
    "mine: wrong context": [replace(ANSWER, context_digest=OTHER), replace(ANSWER, context_digest=UNKNOWN)],
    "mine: bad shard": [within(shard_id=1), within(shard_id=1 << 63, shard_mask=(1 << 64) - 1)],
    "mine: too many shards": [within(shard_mask=(1 << 64) - 8), within(shard_mask=0)],
    "mine: bad start": [within(start=1), within(start=1 << 24), within(start=(1 << 256) - 1)],
    "mine: bad length": [within(length=16_384), within(length=0), within(length=1 << 40)],
    "mine: beyond the flow": [
        within(length=18_432),
        within(start=1 << 25),
        within(start=(1 << 256) - (1 << 25)),
        within(length=17_409),
    ],
    "mine: wrong seal context": [
        unit(context_digest=RANGES[1].digest),
        unit(context_digest=OTHER),
        replace(ANSWER, recall_position=17_920),
        replace(ANSWER, recall_position=(1 << 256) - 1),
    ],
    "mine: wrong data": [
        unit(data=flipped(ANSWER.unit.data)),
        unit(data=flipped(ANSWER.unit.data, 32_767)),
        unit(proof=ANSWER.unit.proof[:-1]),
        unit(proof=(*ANSWER.unit.proof, OTHER)),
        unit(proof=(*ANSWER.unit.proof[:-1], OTHER)),
        unit(proof=()),
        replace(ANSWER, recall_position=ANSWER.recall_position + 16),
        replace(ANSWER, recall_position=ANSWER.recall_position + 1),
    ],
    "mine: wrong position": [
        replace(ANSWER, seal_offset=ANSWER.seal_offset ^ 1),
        replace(ANSWER, seal_offset=ANSWER.seal_offset + 64),
        replace(ANSWER, seal_offset=1 << 255),
        replace(ANSWER, nonce=flipped(ANSWER.nonce)),
    ],
}


@pytest.mark.parametrize(
    ("reason", "answer"),
    [
        pytest.param(reason, answer, id=f"{reason.partition(': ')[2]} {number}")
        for reason, answers in REFUSED.items()
        for number, answer in enumerate(answers)
    ],
)
def test_submit__anything_else__is_refused_with_its_reason(mine, reason, answer):
    with boa.reverts(reason):
        mine.submit(encode(answer))


def test_submit__harder_target__is_not_good_enough(flow, people):
    mine = deploy_mine(flow, people.payer, PARAMETERS, 13, False)
    register(mine, ANSWER.miner_id, people.friend)
    with boa.reverts("mine: not good enough"):
        mine.submit(encode(ANSWER))


@pytest.mark.parametrize("blocks", [0, 21])
def test_submit__before_and_after_the_window__is_refused(mine, blocks):
    boa.env.evm.patch.block_number = CONTEXT.mine_start + blocks
    with boa.reverts("mine: outside the window"):
        mine.submit(encode(ANSWER))


def test_submit__last_block_of_the_window__is_accepted(mine):
    boa.env.evm.patch.block_number = CONTEXT.mine_start + 20
    block_hashes_are({CONTEXT.mine_start: SUBTASK_BLOCK})
    mine.submit(encode(ANSWER))
    assert mine.currentSubmissions() == 1


def test_submit__another_start_of_the_subtask__leads_elsewhere(mine):
    block_hashes_are({CONTEXT.mine_start: OTHER})
    with boa.reverts("mine: wrong position"):
        mine.submit(encode(ANSWER))


def test_submit__start_whose_hash_is_forgotten__is_refused(flow, people, no_history):
    parameters = replace(PARAMETERS, mine_blocks=100)
    mine = deploy_mine(flow, people.payer, parameters, 1, False)
    register(mine, ANSWER.miner_id, people.friend)
    boa.env.evm.patch.block_number = CONTEXT.mine_start + 90
    boa.env.evm.patch.prev_hashes = [bytes(32)] * 256
    with boa.reverts("mine: start is forgotten"):
        mine.submit(encode(ANSWER))


def test_submit__unknown_context__is_refused_even_if_named(flow, mine):
    tell(flow, replace(CONTEXT, digest=UNKNOWN))
    with boa.reverts("mine: wrong context"):
        mine.submit(encode(replace(ANSWER, context_digest=UNKNOWN)))
