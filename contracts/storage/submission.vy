# pragma version 0.4.3
"""
@title Submission
@notice What makes a submission valid, and its identity. Model: offchain/protocol/submission.py.
"""
from contracts.common import bounds
from contracts.interfaces import IFlow

# A file's padding stays below a sixteenth of its enclosing power of two.
PADDING_SHARE: constant(uint256) = 16


@pure
@internal
def _sectors(length: uint256, nodes: DynArray[IFlow.Node, bounds.MAX_NODES]) -> uint256:
    """@notice Sectors of a valid submission of `length` bytes; reverts on any other."""
    count: uint256 = len(nodes)
    assert count > 0, "flow: no nodes"
    first: uint256 = nodes[0].height
    assert first <= bounds.MAX_NODE_HEIGHT, "flow: node too high"
    last: uint256 = first
    sectors: uint256 = 1 << first
    for i: uint256 in range(1, count, bound=bounds.MAX_NODES):
        height: uint256 = nodes[i].height
        assert height < last, "flow: heights do not fall"
        last = height
        sectors += 1 << height
    assert first - last < bounds.MAX_NODES, "flow: heights too far apart"
    padding: uint256 = 1
    if sectors >= PADDING_SHARE:
        padding = sectors // PADDING_SHARE if count == 1 else 1 << (first - 3)
    assert length <= sectors * 256, "flow: file exceeds nodes"
    assert length > (sectors - padding) * 256, "flow: too much padding"
    return sectors


@pure
@internal
def _identity(nodes: DynArray[IFlow.Node, bounds.MAX_NODES]) -> bytes32:
    """@notice keccak256 of the node roots end to end."""
    count: uint256 = len(nodes)
    if count == 1:
        return keccak256(nodes[0].root)
    if count == 2:
        return keccak256(concat(nodes[0].root, nodes[1].root))
    if count == 3:
        return keccak256(concat(nodes[0].root, nodes[1].root, nodes[2].root))
    return keccak256(concat(nodes[0].root, nodes[1].root, nodes[2].root, nodes[3].root))
