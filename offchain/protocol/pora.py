"""Proof of Random Access: when a miner may answer, what it answers, and what makes an answer valid.

`verify` is the model of the contract: the same checks in the same order, refused with the same reasons.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from offchain.errors import Invalid
from offchain.protocol.epochs import UNKNOWN, BlockHash, Context, SealedRange
from offchain.protocol.keccak import keccak256
from offchain.protocol.recall import (
    LOAD_SECTORS,
    LOAD_UNITS,
    MAX_RANGE,
    PRICING_SECTORS,
    RecallRange,
    Task,
    bound_of,
    mix,
    passes_gate,
    quality,
    scratch_pad,
    second_quality,
)
from offchain.protocol.sealing import UNIT_SECTORS, seals, unit_root, unseal


@dataclass(frozen=True, slots=True)
class SealedUnit:
    """A sealed unit and the proof that it is in the flow.

    `context_digest` is what it was sealed with; `proof` are the siblings on the way from the root of its 16 sectors to
    the flow's root in the context that is mined.
    """

    context_digest: bytes
    data: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PoraAnswer:
    """What a miner submits: unit number `seal_offset` of the load that `nonce` recalls, at sector `recall_position`.

    `second` is the unit that the first one leads to, where two hops are asked for.
    """

    context_digest: bytes
    nonce: bytes
    miner_id: bytes
    range: RecallRange
    recall_position: int
    seal_offset: int
    unit: SealedUnit
    second: SealedUnit | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """What governance sets: `subtasks` windows of `mine_blocks`, `interval` apart; `wanted` answers in an epoch.

    `pricing_sectors` and `two_hops` are fixed when the contract is made.
    """

    subtasks: int
    interval: int
    mine_blocks: int
    max_shards: int
    wanted: int
    pricing_sectors: int = PRICING_SECTORS
    two_hops: bool = False

    @property
    def most(self) -> int:
        """Answers that an epoch accepts."""
        return 2 * self.wanted


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an answer meets on chain: all that its validity depends on besides itself.

    `answers` counts those accepted in the context's epoch, `seen` holds their qualities, `target` is adjusted to it.
    """

    parameters: Parameters
    context: Context
    block: int
    block_hash: BlockHash
    target: int
    ranges: Sequence[SealedRange]
    miners: Container[bytes]
    answers: int = 0
    seen: Container[bytes] = field(default_factory=frozenset)


def window(context: Context, miner_id: bytes, parameters: Parameters) -> range:
    """Blocks in which `miner_id` may answer. Its subtask starts with the block before them."""
    number = int.from_bytes(keccak256(context.digest, miner_id), "big") % parameters.subtasks
    start = context.mine_start + number * parameters.interval
    return range(start + 1, start + 1 + parameters.mine_blocks)


def subtask_digest(context: Context, start_hash: bytes) -> bytes:
    """What all pads of a subtask depend on; `start_hash` is the hash of the block in which it starts."""
    return keccak256(context.digest, start_hash)


def verify(answer: PoraAnswer, surroundings: Surroundings) -> bytes:
    """The quality of a valid answer; Invalid with the contract's reason for the first check that fails."""
    parameters, context = surroundings.parameters, surroundings.context
    _require(answer.miner_id in surroundings.miners, "unknown miner")
    _require(answer.context_digest == context.digest != UNKNOWN, "wrong context")
    _require(surroundings.answers < parameters.most, "epoch is full")
    blocks = window(context, answer.miner_id, parameters)
    _require(surroundings.block in blocks, "outside the window")
    check_range(answer.range, context.flow_length, parameters)
    task = Task(answer.miner_id, _subtask(blocks.start - 1, surroundings), answer.range)
    _check_unit(answer.unit, answer.recall_position, answer.miner_id, surroundings)
    found = _first_quality(answer, task)
    if parameters.two_hops:
        found = _second_quality(answer, found, surroundings)
    bound = bound_of(surroundings.target, answer.range, context.flow_length)
    _require(int.from_bytes(found, "big") <= bound, "not good enough")
    _require(found not in surroundings.seen, "known answer")
    return found


def check_range(recall_range: RecallRange, flow_length: int, parameters: Parameters) -> None:
    """Invalid unless a miner may choose this range: all of a small flow, a full 8 TiB per shard of a larger one."""
    usable, shards = flow_length // LOAD_SECTORS * LOAD_SECTORS, recall_range.shards
    longest = MAX_RANGE * shards
    _require(recall_range.shard_id & recall_range.shard_mask == 0, "bad shard")
    _require(shards <= min(parameters.max_shards, flow_length), "too many shards")
    _require(recall_range.start % parameters.pricing_sectors == 0, "bad start")
    _require(max(min(usable, longest), 1) <= recall_range.length <= longest, "bad length")
    _require(recall_range.start + recall_range.length <= usable, "beyond the flow")


def _subtask(start: int, surroundings: Surroundings) -> bytes:
    """Digest of the subtask that starts with block `start`. An unknown hash is no zero: that could be mined early."""
    start_hash = surroundings.block_hash(start)
    if start_hash is None:
        raise Invalid("mine: start is forgotten")
    return subtask_digest(surroundings.context, start_hash)


def _check_unit(unit: SealedUnit, position: int, miner_id: bytes, surroundings: Surroundings) -> None:
    """Invalid unless the unit is the data at `position`, sealed by the miner with the context that seals it.

    Roots of files are whatever their submitters said, so the depth of the proof must be that of the flow: a root that
    hides a tree of its own would prove places in other people's data.
    """
    ranges = (each for each in surroundings.ranges if each.digest == unit.context_digest)
    _require(any(seals(each, position) for each in ranges), "wrong seal context")
    node, index = unit_root(unseal(unit.data, miner_id, unit.context_digest, position)), position // UNIT_SECTORS
    for sibling in unit.proof:
        node = keccak256(sibling, node) if index & 1 else keccak256(node, sibling)
        index //= 2
    length, covered = surroundings.context.flow_length, UNIT_SECTORS << len(unit.proof)
    _require(length <= covered < 2 * length and node == surroundings.context.flow_root, "wrong data")


def _first_quality(answer: PoraAnswer, task: Task) -> bytes:
    seed = task.pad_seed(answer.nonce)
    pad, recall_seed = scratch_pad(seed)
    load = task.range.load_position(recall_seed)
    if load is None:
        raise Invalid("mine: load beyond the range")
    offset = answer.seal_offset
    _require(offset < LOAD_UNITS and answer.recall_position == load + offset * UNIT_SECTORS, "wrong position")
    return quality(offset, seed, mix(answer.unit.data, pad, offset))


def _second_quality(answer: PoraAnswer, first_quality: bytes, surroundings: Surroundings) -> bytes:
    _require(passes_gate(first_quality), "not good enough")
    position = answer.range.second_position(first_quality)
    if position is None:
        raise Invalid("mine: load beyond the range")
    if answer.second is None:
        raise Invalid("mine: wrong data")
    _check_unit(answer.second, position, answer.miner_id, surroundings)
    return second_quality(first_quality, answer.second.data)


def _require(holds: bool, cause: str) -> None:
    if not holds:
        raise Invalid(f"mine: {cause}")
