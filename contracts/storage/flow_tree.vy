# pragma version 0.4.3
"""
@title Flow tree
@notice The flow's Merkle tree as far as appending needs it, and its root after every submission.
        Model: offchain/protocol/flow.py.
@dev `peaks[h]` holds a complete subtree of 2^h sectors while bit h of the length is set, and is stale otherwise.
"""
from contracts.common import bounds
from contracts.interfaces import IFlow

LEVELS: constant(uint256) = 48
SEGMENT_SECTORS: constant(uint256) = 1_024
EMPTY_SECTOR: constant(bytes32) = 0xd397b3b043d87fcd6fad1291ff0bfd16401c274896d8c63a923727f077b8e0b5

# Roots of complete trees of empty sectors, by height.
ZERO_ROOTS: immutable(bytes32[LEVELS])

# By height. peaks[0] starts as the zero word that stands for sector 0.
peaks: bytes32[LEVELS]

# Root of the flow after each submission.
roots: HashMap[uint256, bytes32]


@deploy
def __init__():
    zero: bytes32[LEVELS] = empty(bytes32[LEVELS])
    zero[0] = EMPTY_SECTOR
    for i: uint256 in range(LEVELS - 1):
        zero[i + 1] = self._parent(zero[i], zero[i])
    ZERO_ROOTS = zero


@pure
@internal
def _parent(left: bytes32, right: bytes32) -> bytes32:
    return keccak256(concat(left, right))


@pure
@internal
def _place(length: uint256, sectors: uint256, height: uint256) -> uint256:
    """@notice First sector of a submission: aligned to its first node, and within one segment if it fits into one."""
    mask: uint256 = (1 << height) - 1
    start: uint256 = (length + mask) & ~mask
    inside: uint256 = start % SEGMENT_SECTORS
    if inside != 0 and inside + sectors > SEGMENT_SECTORS:
        start = (start - inside + SEGMENT_SECTORS + mask) & ~mask
    return start


@internal
def _append(length: uint256, start: uint256, nodes: DynArray[IFlow.Node, bounds.MAX_NODES]) -> bytes32:
    """@notice Pad from `length` to `start`, append `nodes`, return the new root."""
    at: uint256 = start
    height: uint256 = nodes[0].height
    peak: bytes32 = nodes[0].root
    left: bytes32 = self._pad(length, start, height)
    if (at >> height) & 1 == 1:
        if left == empty(bytes32):
            left = self.peaks[height]
        peak = self._parent(left, peak)
        at += 1 << height
        height, peak = self._climb(at, height + 1, peak)
    else:
        at += 1 << height
    self.peaks[height] = peak
    # The later nodes are lower than the first and fall, so their bits are clear: nothing merges.
    for i: uint256 in range(1, len(nodes), bound=bounds.MAX_NODES):
        height = nodes[i].height
        peak = nodes[i].root
        self.peaks[height] = peak
        at += 1 << height
    return self._root(at, height, peak)


@internal
def _pad(length: uint256, start: uint256, height: uint256) -> bytes32:
    """
    @notice Append empty sectors up to `start`, which 2^height divides.
    @return The peak of that height if padding made one: it is the next node's left sibling and needs no slot.
    """
    if length == start:
        return empty(bytes32)
    at: uint256 = length
    level: uint256 = self._lowest_bit(at)
    peak: bytes32 = self.peaks[level]
    for i: uint256 in range(LEVELS):
        peak = self._parent(peak, ZERO_ROOTS[level])
        at += 1 << level
        level, peak = self._climb(at, level + 1, peak)
        if at == start:
            break
    if level == height:
        return peak
    self.peaks[level] = peak
    return empty(bytes32)


@view
@internal
def _climb(at: uint256, height: uint256, peak: bytes32) -> (uint256, bytes32):
    """@notice Merge `peak` of `height` with the peaks above that adding it completed: those whose bit `at` lost."""
    level: uint256 = height
    top: bytes32 = peak
    for i: uint256 in range(LEVELS):
        if (at >> level) & 1 == 1:
            break
        top = self._parent(self.peaks[level], top)
        level += 1
    return level, top


@view
@internal
def _root(length: uint256, height: uint256, lowest: bytes32) -> bytes32:
    """@notice Root over `length` sectors whose lowest peak is `lowest`, empty sectors to the right."""
    complete: uint256 = length >> height
    if complete == 1:
        return lowest
    level: uint256 = height + 1
    root: bytes32 = self._parent(lowest, ZERO_ROOTS[height])
    # From here on `complete` counts the full nodes to the left: an odd one out is the left sibling.
    for i: uint256 in range(LEVELS):
        complete >>= 1
        if complete == 0:
            break
        if complete & 1 == 1:
            root = self._parent(self.peaks[level], root)
        else:
            root = self._parent(root, ZERO_ROOTS[level])
        level += 1
    return root


@pure
@internal
def _lowest_bit(number: uint256) -> uint256:
    for i: uint256 in range(LEVELS):
        if (number >> i) & 1 == 1:
            return i
    return LEVELS
