# pragma version 0.4.3
"""
@title Sealed unit
@notice Sixteen sectors as a miner keeps them: each word masked with a chain that starts from miner, context and position.
        Model: offchain/protocol/sealing.py.
"""
from contracts.interfaces import IFlow

WORDS: constant(uint256) = 128
SECTORS: constant(uint256) = 16

# Levels of a flow of 2^48 sectors above a unit.
MAX_SIBLINGS: constant(uint256) = 44


@pure
@internal
def _root(sealed: bytes32[WORDS], miner: bytes32, context: bytes32, position: uint256) -> bytes32:
    """@notice Root of the tree over the unit's sectors, unsealed."""
    nodes: DynArray[bytes32, SECTORS] = []
    mask: bytes32 = keccak256(abi_encode(miner, context, position))
    # By sectors of eight words: an index that the compiler knows is not checked.
    sectors: bytes32[8][SECTORS] = abi_decode(abi_encode(sealed), bytes32[8][SECTORS])
    for w: bytes32[8] in sectors:
        # The mask of a word is the hash of the sealed word before it.
        nodes.append(
            keccak256(
                abi_encode(
                    convert(w[0], uint256) ^ convert(mask, uint256),
                    convert(w[1], uint256) ^ convert(keccak256(w[0]), uint256),
                    convert(w[2], uint256) ^ convert(keccak256(w[1]), uint256),
                    convert(w[3], uint256) ^ convert(keccak256(w[2]), uint256),
                    convert(w[4], uint256) ^ convert(keccak256(w[3]), uint256),
                    convert(w[5], uint256) ^ convert(keccak256(w[4]), uint256),
                    convert(w[6], uint256) ^ convert(keccak256(w[5]), uint256),
                    convert(w[7], uint256) ^ convert(keccak256(w[6]), uint256),
                )
            )
        )
        mask = keccak256(w[7])
    width: uint256 = SECTORS
    for level: uint256 in range(4):
        width >>= 1
        for i: uint256 in range(width, bound=SECTORS):
            nodes[i] = keccak256(abi_encode(nodes[2 * i], nodes[2 * i + 1]))
    return nodes[0]


@pure
@internal
def _check(
    sealed: bytes32[WORDS],
    miner: bytes32,
    context: bytes32,
    position: uint256,
    siblings: DynArray[bytes32, MAX_SIBLINGS],
    flow_root: bytes32,
    flow_length: uint256,
    context_range: IFlow.EpochRange,
):
    """@notice Refuse a unit that is not the flow's at `position`, or was not sealed there for this miner."""
    start: uint256 = convert(context_range.start, uint256)
    end: uint256 = convert(context_range.end, uint256)
    # The context of the unit's last sector sealed it.
    assert end >= SECTORS and position <= end - SECTORS and start < position + SECTORS, "mine: wrong seal context"
    node: bytes32 = self._root(sealed, miner, context, position)
    index: uint256 = position // SECTORS
    for sibling: bytes32 in siblings:
        if index & 1 == 0:
            node = keccak256(abi_encode(node, sibling))
        else:
            node = keccak256(abi_encode(sibling, node))
        index >>= 1
    # Roots of files are whatever their submitters said: one that hides a tree of its own would prove other places.
    covered: uint256 = SECTORS << len(siblings)
    assert covered >= flow_length and covered < 2 * flow_length and node == flow_root, "mine: wrong data"
