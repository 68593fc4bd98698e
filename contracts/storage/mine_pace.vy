# pragma version 0.4.3
"""
@title Mine pace
@notice How hard proofs are and how many an epoch takes, adjusted from epoch to epoch. Model:
        offchain/protocol/difficulty.py.
@dev New parameters take effect with the first proof of an epoch, so that all proofs of an epoch meet the same.
"""
from contracts.common import roles
from contracts.interfaces import IPoraMine

uses: roles

# What every proof reads and changes.
struct Pace:
    lastMinedEpoch: uint256
    # Proofs in that epoch.
    submissions: uint256
    targetSubmissions: uint256
    # Blocks in which a subtask can be mined.
    targetMineBlocks: uint256
    nSubtasks: uint256
    # Blocks between the starts of subtasks.
    subtaskInterval: uint256
    maxShards: uint256
    # Epochs over which the difficulty is averaged.
    adjustRatio: uint256


MASK16: constant(uint256) = 2**16 - 1
MASK32: constant(uint256) = 2**32 - 1
MASK48: constant(uint256) = 2**48 - 1

# An epoch takes twice its target; the set of known answers has room for that.
MAX_TARGET_SUBMISSIONS: constant(uint256) = 200

# With more shards, each would be small enough to be held in memory.
MAX_SHARDS: constant(uint256) = 256

# Skipped epochs that are made up for: after so many the target is at its easiest anyway.
MAX_SKIPPED: constant(uint256) = 255

# Whether the target stays as easy as it can be, for tests of everything else.
FIXED: immutable(bool)

# Blocks of an epoch: all subtasks end before the next one begins.
EPOCH_BLOCKS: immutable(uint256)

# lastMinedEpoch | submissions << 48 | targetSubmissions << 80 | targetMineBlocks << 96 | nSubtasks << 128
# | subtaskInterval << 144 | maxShards << 176 | adjustRatio << 192
packed: uint256

# The same parameters for the next mined epoch, where they differ; 0 when they do not.
pending: uint256

# Quality that a proof must reach: less is harder.
target: uint256

# The easiest that the target may become is 2^256 / minDifficulty.
minDifficulty: public(uint256)


@deploy
def __init__(
    epoch_blocks: uint256,
    difficulty: uint256,
    min_difficulty: uint256,
    fixed: bool,
    target_submissions: uint256,
    target_mine_blocks: uint256,
    n_subtasks: uint256,
    subtask_interval: uint256,
    max_shards: uint256,
    adjust_ratio: uint256,
):
    assert difficulty > 0 and min_difficulty > 0, "mine: bad difficulty"
    EPOCH_BLOCKS = epoch_blocks
    FIXED = fixed
    pace: Pace = Pace(
        lastMinedEpoch=0,
        submissions=0,
        targetSubmissions=target_submissions,
        targetMineBlocks=target_mine_blocks,
        nSubtasks=n_subtasks,
        subtaskInterval=subtask_interval,
        maxShards=max_shards,
        adjustRatio=adjust_ratio,
    )
    self._check(pace)
    self.packed = self._pack(pace)
    self.minDifficulty = min_difficulty
    self.target = max_value(uint256) if fixed else max_value(uint256) // max(difficulty, min_difficulty)


@external
def setTargetSubmissions(targetSubmissions: uint256):
    pace: Pace = self._next()
    pace.targetSubmissions = targetSubmissions
    self._schedule(pace, "targetSubmissions", targetSubmissions)


@external
def setTargetMineBlocks(targetMineBlocks: uint256):
    pace: Pace = self._next()
    pace.targetMineBlocks = targetMineBlocks
    self._schedule(pace, "targetMineBlocks", targetMineBlocks)


@external
def setNumSubtasks(nSubtasks: uint256):
    pace: Pace = self._next()
    pace.nSubtasks = nSubtasks
    self._schedule(pace, "nSubtasks", nSubtasks)


@external
def setSubtaskInterval(subtaskInterval: uint256):
    pace: Pace = self._next()
    pace.subtaskInterval = subtaskInterval
    self._schedule(pace, "subtaskInterval", subtaskInterval)


@external
def setMaxShards(maxShards: uint256):
    pace: Pace = self._next()
    pace.maxShards = maxShards
    self._schedule(pace, "maxShards", maxShards)


@external
def setDifficultyAdjustRatio(adjustRatio: uint256):
    pace: Pace = self._next()
    pace.adjustRatio = adjustRatio
    self._schedule(pace, "difficultyAdjustRatio", adjustRatio)


@external
def setMinDifficulty(minDifficulty: uint256):
    roles._check_governor()
    assert minDifficulty > 0, "mine: bad difficulty"
    self.minDifficulty = minDifficulty
    log IPoraMine.ParameterSet(name="minDifficulty", amount=minDifficulty)


@view
@external
def poraTarget() -> uint256:
    return self.target


@view
@external
def lastMinedEpoch() -> uint256:
    return self._load().lastMinedEpoch


@view
@external
def currentSubmissions() -> uint256:
    return self._load().submissions


@view
@external
def targetSubmissions() -> uint256:
    return self._load().targetSubmissions


@view
@external
def targetSubmissionsNextEpoch() -> uint256:
    return self._upcoming().targetSubmissions


@view
@external
def targetMineBlocks() -> uint256:
    return self._load().targetMineBlocks


@view
@external
def nSubtasks() -> uint256:
    return self._load().nSubtasks


@view
@external
def subtaskInterval() -> uint256:
    return self._load().subtaskInterval


@view
@external
def maxShards() -> uint256:
    return self._load().maxShards


@view
@external
def difficultyAdjustRatio() -> uint256:
    return self._load().adjustRatio


@view
@internal
def _load() -> Pace:
    return self._unpack(self.packed)


@view
@internal
def _upcoming() -> Pace:
    """@notice Parameters of the next mined epoch."""
    return self._unpack(self.pending) if self.pending != 0 else self._load()


@view
@internal
def _next() -> Pace:
    """@notice The same, for the governor to change."""
    roles._check_governor()
    return self._upcoming()


@internal
def _schedule(pace: Pace, name: String[32], amount: uint256):
    self._check(pace)
    self.pending = self._pack(pace)
    log IPoraMine.ParameterSet(name=name, amount=amount)


@pure
@internal
def _unpack(word: uint256) -> Pace:
    return Pace(
        lastMinedEpoch=word & MASK48,
        submissions=(word >> 48) & MASK32,
        targetSubmissions=(word >> 80) & MASK16,
        targetMineBlocks=(word >> 96) & MASK32,
        nSubtasks=(word >> 128) & MASK16,
        subtaskInterval=(word >> 144) & MASK32,
        maxShards=(word >> 176) & MASK16,
        adjustRatio=word >> 192,
    )


@pure
@internal
def _pack(pace: Pace) -> uint256:
    return (
        pace.lastMinedEpoch
        | (pace.submissions << 48)
        | (pace.targetSubmissions << 80)
        | (pace.targetMineBlocks << 96)
        | (pace.nSubtasks << 128)
        | (pace.subtaskInterval << 144)
        | (pace.maxShards << 176)
        | (pace.adjustRatio << 192)
    )


@view
@internal
def _check(pace: Pace):
    assert pace.targetSubmissions > 0 and pace.targetSubmissions <= MAX_TARGET_SUBMISSIONS, "mine: bad target"
    assert pace.nSubtasks > 0 and pace.nSubtasks <= MASK16, "mine: bad subtasks"
    assert pace.subtaskInterval <= MASK32 and pace.targetMineBlocks > 0, "mine: bad window"
    ends: uint256 = (pace.nSubtasks - 1) * pace.subtaskInterval + pace.targetMineBlocks
    assert pace.targetMineBlocks <= MASK32 and ends <= EPOCH_BLOCKS, "mine: bad window"
    assert pace.adjustRatio > 0 and pace.adjustRatio <= MASK32, "mine: bad ratio"
    shards: uint256 = pace.maxShards
    assert shards > 0 and shards <= MAX_SHARDS and shards & (shards - 1) == 0, "mine: bad shards"


@view
@internal
def _in_epoch(epoch: uint256) -> (Pace, uint256):
    """
    @notice The pace and the target as they are in `epoch`.
    @dev What `_record` stores and what views tell: miners see the target that their first proof will meet.
    """
    pace: Pace = self._load()
    if pace.lastMinedEpoch == epoch:
        return pace, self.target
    target: uint256 = self.target
    # Before the first proof there is no pace to compare with.
    if pace.lastMinedEpoch != 0 and not FIXED:
        target = self._eased(target, pace, epoch, max_value(uint256) // self.minDifficulty)
    pace = self._upcoming()
    pace.lastMinedEpoch = epoch
    pace.submissions = 0
    return pace, target


@internal
def _record(pace: Pace, target: uint256):
    """@notice Count a proof at this pace and target."""
    if pace.submissions == 0:
        self.target = target
        if self.pending != 0:
            self.pending = 0
        log IPoraMine.TargetAdjusted(epoch=pace.lastMinedEpoch, target=target)
    counted: Pace = pace
    counted.submissions += 1
    self.packed = self._pack(counted)


@pure
@internal
def _eased(start: uint256, pace: Pace, epoch: uint256, easiest: uint256) -> uint256:
    """@notice The target after the epoch mined last, and those that nobody mined up to `epoch`."""
    target: uint256 = min(self._adjusted(start, pace.targetSubmissions, pace.submissions, pace.adjustRatio), easiest)
    skipped: uint256 = min(epoch - pace.lastMinedEpoch - 1, MAX_SKIPPED)
    for i: uint256 in range(skipped, bound=MAX_SKIPPED):
        if target == easiest:
            break
        target = min(self._adjusted(target, pace.targetSubmissions, 0, pace.adjustRatio), easiest)
    return target


@pure
@internal
def _adjusted(target: uint256, wanted: uint256, got: uint256, ratio: uint256) -> uint256:
    """@notice The target after an epoch that wanted some proofs and got others; at most twice or half as easy."""
    # Sixteen bits are given up so that products fit.
    scaled: uint256 = target >> 16
    most: uint256 = max_value(uint256) >> 16
    expected: uint256 = most
    if got > 0 and scaled // got < most // wanted:
        expected = scaled // got * wanted + scaled % got * wanted // got
    adjusted: uint256 = scaled // ratio * (ratio - 1) + scaled % ratio * (ratio - 1) // ratio + expected // ratio
    return min(max(min(adjusted, scaled * 2), scaled // 2), most) << 16
