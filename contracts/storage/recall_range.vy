# pragma version 0.4.3
"""
@title Recall range
@notice The part of the flow that a miner answers for, and where in it a number leads. Model: offchain/protocol/pora.py.
"""
from contracts.interfaces import IPoraMine

# Sectors that are read at once.
LOAD: constant(uint256) = 1_024

# Units of 16 sectors in it.
UNITS: constant(uint256) = 64

# Sectors that a miner answers for at most, for each shard of its range: 8 TiB.
MAX_LENGTH: constant(uint256) = 34_359_738_368

MASK64: constant(uint256) = 2**64 - 1


@pure
@internal
def _shards(recall: IPoraMine.RecallRange) -> uint256:
    """@notice Parts the range is divided into: two for each zero bit of the mask."""
    zeros: uint256 = ~convert(recall.shardMask, uint256) & MASK64
    shards: uint256 = 1
    for i: uint256 in range(64):
        if zeros == 0:
            break
        zeros &= zeros - 1
        shards <<= 1
    return shards


@pure
@internal
def _check(recall: IPoraMine.RecallRange, shards: uint256, max_shards: uint256, flow_length: uint256, granule: uint256):
    """@notice Refuse a range that is not as large as the flow and the shards allow, or begins elsewhere."""
    assert convert(recall.shardId & recall.shardMask, uint256) == 0, "mine: bad shard"
    assert shards <= max_shards, "mine: too many shards"
    assert recall.startPosition % granule == 0, "mine: bad start"
    usable: uint256 = flow_length // LOAD * LOAD
    most: uint256 = MAX_LENGTH * shards
    # A short range would be cheaper to hold in memory than the flow that it stands for.
    assert recall.mineLength > 0 and recall.mineLength <= most, "mine: bad length"
    assert recall.mineLength >= min(usable, most), "mine: bad length"
    assert recall.mineLength <= usable, "mine: beyond the flow"
    assert recall.startPosition <= usable - recall.mineLength, "mine: beyond the flow"


@pure
@internal
def _digest(recall: IPoraMine.RecallRange) -> bytes32:
    return keccak256(
        abi_encode(recall.startPosition, recall.mineLength, recall.shardId, recall.shardMask)
    )


@pure
@internal
def _load_at(recall: IPoraMine.RecallRange, seed: bytes32) -> uint256:
    """@notice First sector of the load that `seed` leads to."""
    number: uint256 = (convert(seed, uint256) % (recall.mineLength // LOAD)) & MASK64
    number = (number & convert(recall.shardMask, uint256)) | convert(recall.shardId, uint256)
    assert number * LOAD <= recall.mineLength, "mine: load beyond the range"
    return recall.startPosition + number * LOAD


@pure
@internal
def _scale(shards: uint256, flow_length: uint256) -> uint256:
    """@notice How much harder a part is than the whole, times 2^64: work is shared in proportion to what is held."""
    return (min(flow_length, MAX_LENGTH) << 64) // min(flow_length // shards, MAX_LENGTH)


@pure
@internal
def _unit_at(recall: IPoraMine.RecallRange, seed: bytes32) -> uint256:
    """@notice First sector of the unit that `seed` leads to: the load by its low bits, the unit by its top ones."""
    return self._load_at(recall, seed) + (convert(seed, uint256) >> 250) * 16
