# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title PoRA mine
@notice Checks proofs of random access over the flow and claims their rewards.
@dev Trusts the flow for contexts and ranges. The governor sets the pace within bounds, and the reward: it cannot have a
     proof accepted, but it can keep proofs from being accepted.
@custom:kill Nothing to stop here: rewards are what the reward contract holds; `setReward` appoints another one.
"""
from contracts.common import roles
from contracts.interfaces import IFlow
from contracts.interfaces import IMineReward
from contracts.interfaces import IPoraMine
from contracts.interfaces import IRoles
from contracts.storage import answer_set
from contracts.storage import mine_pace
from contracts.storage import mine_window
from contracts.storage import miner_ids
from contracts.storage import pora_work
from contracts.storage import recall_range
from contracts.storage import sealed_unit

implements: IPoraMine
implements: IRoles
initializes: roles
initializes: miner_ids
initializes: mine_pace[roles := roles]
initializes: answer_set

exports: (
    roles.governor,
    roles.pendingGovernor,
    roles.guardian,
    roles.proposeGovernor,
    roles.acceptGovernor,
    roles.setGuardian,
    miner_ids.requestMinerId,
    miner_ids.transferBeneficial,
    miner_ids.beneficiaries,
    mine_pace.setTargetSubmissions,
    mine_pace.setTargetMineBlocks,
    mine_pace.setNumSubtasks,
    mine_pace.setSubtaskInterval,
    mine_pace.setMaxShards,
    mine_pace.setDifficultyAdjustRatio,
    mine_pace.setMinDifficulty,
    mine_pace.poraTarget,
    mine_pace.lastMinedEpoch,
    mine_pace.currentSubmissions,
    mine_pace.targetSubmissions,
    mine_pace.targetSubmissionsNextEpoch,
    mine_pace.targetMineBlocks,
    mine_pace.nSubtasks,
    mine_pace.subtaskInterval,
    mine_pace.maxShards,
    mine_pace.difficultyAdjustRatio,
    mine_pace.minDifficulty,
)

# keccak256(""): the context of an epoch in which nothing can be mined.
UNKNOWN: constant(bytes32) = keccak256(b"")

# What an answer is checked against.
struct Proof:
    beneficiary: address
    # Digest of the miner's subtask.
    subtask: bytes32
    flowRoot: bytes32
    flowLength: uint256
    # Sectors that the answer's context seals.
    sealed: IFlow.EpochRange
    pace: mine_pace.Pace
    # Quality to reach, before and after scaling by what the miner's range holds.
    target: uint256
    bound: uint256


FLOW: immutable(address)

# Sectors of a pricing chunk.
PRICING_CHUNK: immutable(uint256)

# Whether a proof leads from one unit to another.
TWO_HOPS: immutable(bool)

# Who pays for proofs.
reward: public(address)


@deploy
def __init__(
    governor: address, flow: address, pricing_chunk: uint256,
    difficulty: uint256, min_difficulty: uint256, fixed_difficulty: bool,
    target_submissions: uint256, target_mine_blocks: uint256, n_subtasks: uint256, subtask_interval: uint256,
    max_shards: uint256, adjust_ratio: uint256, two_hops: bool,
):
    """
    @param pricing_chunk Sectors; ranges begin at its multiples.
    @param difficulty Tries that the first proof takes on average.
    @param two_hops Whether a proof leads from one unit to another; public miners know one hop only.
    @param fixed_difficulty Whether every try is good enough, for ever; never where money is at stake.
    """
    assert pricing_chunk > 0 and pricing_chunk % recall_range.LOAD == 0, "mine: bad chunk"
    roles.__init__(governor, empty(address))
    mine_pace.__init__(
        staticcall IFlow(flow).blocksPerEpoch(), difficulty, min_difficulty, fixed_difficulty,
        target_submissions, target_mine_blocks, n_subtasks, subtask_interval, max_shards, adjust_ratio,
    )
    FLOW = flow
    PRICING_CHUNK = pricing_chunk
    TWO_HOPS = two_hops


@external
def setReward(reward: address):
    """@notice Appoint who pays for proofs; governor only."""
    roles._check_governor()
    assert reward.is_contract, "mine: reward has no code"
    self.reward = reward
    log IPoraMine.RewardSet(reward=reward)


@external
@nonreentrant
def submit(answer: IPoraMine.PoraAnswer):
    """@notice Prove work on stored data and claim its reward."""
    assert not TWO_HOPS, "mine: two hops needed"
    proof: Proof = self._proof(answer)
    self._accept(answer.minerId, answer.recallPosition, proof, self._work(answer, proof))


@external
@nonreentrant
def submitTwoHops(answer: IPoraMine.PoraAnswer, second: IPoraMine.SecondUnit):
    """@notice The same where proofs take two hops: `answer` leads to `second`."""
    assert TWO_HOPS, "mine: one hop only"
    proof: Proof = self._proof(answer)
    first: bytes32 = self._work(answer, proof)
    assert convert(first, uint256) < pora_work.GATE, "mine: not good enough"
    sealed_unit._check(
        second.sealedData,
        answer.minerId,
        second.sealedContextDigest,
        recall_range._unit_at(answer.recall, keccak256(first)),
        second.merkleProof,
        proof.flowRoot,
        proof.flowLength,
        staticcall IFlow(FLOW).getEpochRange(second.sealedContextDigest),
    )
    self._accept(answer.minerId, answer.recallPosition, proof, pora_work._second(first, second.sealedData))


@internal
def _proof(answer: IPoraMine.PoraAnswer) -> Proof:
    """@notice What an answer is checked against; reverts when this miner cannot prove now, or not on this range."""
    beneficiary: address = miner_ids._beneficiary(answer.minerId)
    context: IFlow.MineContext = empty(IFlow.MineContext)
    sealed: IFlow.EpochRange = empty(IFlow.EpochRange)
    context, sealed = extcall IFlow(FLOW).makeContextWithRange(answer.sealedContextDigest)
    assert context.digest == answer.contextDigest and context.digest != UNKNOWN, "mine: wrong context"
    pace: mine_pace.Pace = empty(mine_pace.Pace)
    target: uint256 = 0
    pace, target = mine_pace._in_epoch(context.epoch)
    assert pace.submissions < 2 * pace.targetSubmissions, "mine: epoch is full"
    start: uint256 = mine_window._start(context, answer.minerId, pace)
    assert mine_window._is_open(start, pace), "mine: outside the window"
    shards: uint256 = recall_range._shards(answer.recall)
    recall_range._check(answer.recall, shards, pace.maxShards, context.flowLength, PRICING_CHUNK)
    return Proof(
        beneficiary=beneficiary,
        subtask=mine_window._digest(context, start),
        flowRoot=context.flowRoot,
        flowLength=context.flowLength,
        sealed=sealed,
        pace=pace,
        target=target,
        bound=(target // recall_range._scale(shards, context.flowLength)) << 64,
    )


@view
@internal
def _work(answer: IPoraMine.PoraAnswer, proof: Proof) -> bytes32:
    """@notice Quality of the unit; reverts when it is not the flow's, or the nonce does not lead to it."""
    sealed_unit._check(
        answer.sealedData,
        answer.minerId,
        answer.sealedContextDigest,
        answer.recallPosition,
        answer.merkleProof,
        proof.flowRoot,
        proof.flowLength,
        proof.sealed,
    )
    seed: Bytes[64] = pora_work._seed(
        answer.minerId, answer.nonce, proof.subtask, recall_range._digest(answer.recall)
    )
    quality: bytes32 = empty(bytes32)
    place: bytes32 = empty(bytes32)
    quality, place = pora_work._quality(answer.sealedData, answer.sealOffset, seed)
    load: uint256 = recall_range._load_at(answer.recall, place)
    assert answer.sealOffset < recall_range.UNITS, "mine: wrong position"
    assert answer.recallPosition == load + answer.sealOffset * sealed_unit.SECTORS, "mine: wrong position"
    return quality


@internal
def _accept(miner: bytes32, position: uint256, proof: Proof, quality: bytes32):
    """@notice Count the proof if it is good enough and new, and claim its reward."""
    epoch: uint256 = proof.pace.lastMinedEpoch
    assert convert(quality, uint256) <= proof.bound, "mine: not good enough"
    answer_set._add(quality, epoch)
    mine_pace._record(proof.pace, proof.target)
    log IPoraMine.NewSubmission(
        epoch=epoch, minerId=miner, epochIndex=proof.pace.submissions, recallPosition=position
    )
    extcall IMineReward(self.reward).claimMineReward(position // PRICING_CHUNK, proof.beneficiary, miner)


@external
@nonreentrant
def computeWorkerContext(minerId: bytes32) -> (IFlow.MineContext, uint256, bytes32, uint64):
    """@notice For miners, by eth_call: newest context, target or 0 when it cannot mine now, subtask digest, shards."""
    context: IFlow.MineContext = extcall IFlow(FLOW).makeContextWithResult()
    pace: mine_pace.Pace = empty(mine_pace.Pace)
    target: uint256 = 0
    pace, target = mine_pace._in_epoch(context.epoch)
    shards: uint64 = convert(pace.maxShards, uint64)
    start: uint256 = mine_window._start(context, minerId, pace)
    if (
        context.digest == UNKNOWN
        or miner_ids.beneficiaries[minerId] == empty(address)
        or pace.submissions >= 2 * pace.targetSubmissions
        or not mine_window._is_open(start, pace)
    ):
        return context, 0, empty(bytes32), shards
    return context, target, mine_window._digest(context, start), shards


@view
@external
def flow() -> address:
    """@notice Whose data is proven."""
    return FLOW


@view
@external
def twoHops() -> bool:
    """@notice Whether proofs take two hops."""
    return TWO_HOPS


@view
@external
def pricingChunk() -> uint256:
    """@notice Sectors of a pricing chunk: where ranges begin."""
    return PRICING_CHUNK


@external
@nonreentrant
def canSubmit() -> bool:
    """@notice Whether the present epoch takes further proofs."""
    context: IFlow.MineContext = extcall IFlow(FLOW).makeContextWithResult()
    pace: mine_pace.Pace = empty(mine_pace.Pace)
    target: uint256 = 0
    pace, target = mine_pace._in_epoch(context.epoch)
    return pace.submissions < 2 * pace.targetSubmissions
