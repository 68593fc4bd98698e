# pragma version 0.4.3
"""
@title Mine window
@notice When a miner may prove: each epoch assigns every miner one of its subtasks, which lasts some blocks and has a digest
        that nobody knows before it begins. Model: offchain/protocol/pora.py.
"""
from contracts.common import block_hash
from contracts.interfaces import IFlow
from contracts.storage import mine_pace


@view
@internal
def _start(context: IFlow.MineContext, miner: bytes32, pace: mine_pace.Pace) -> uint256:
    """@notice Block whose hash opens the miner's subtask."""
    subtask: uint256 = convert(keccak256(abi_encode(context.digest, miner)), uint256) % pace.nSubtasks
    return context.mineStart + subtask * pace.subtaskInterval


@view
@internal
def _is_open(start: uint256, pace: mine_pace.Pace) -> bool:
    return start < block.number and block.number <= start + pace.targetMineBlocks


@view
@internal
def _digest(context: IFlow.MineContext, start: uint256) -> bytes32:
    """@notice What the subtask's work hashes from; reverts when the hash of its first block is not known."""
    opening: bytes32 = block_hash._of(start)
    assert opening != empty(bytes32), "mine: start is forgotten"
    return keccak256(abi_encode(context.digest, opening))
