"""The flow: one append-only sequence of sectors that every submission extends, and its Merkle tree.

Sector 0 is a zero word instead of a hash. Alignment leaves gaps of empty sectors. The root covers the next power of
two above the length, empty sectors to the right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offchain.errors import Invalid, InvalidSubmission
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import ZERO_ROOTS, Proof
from offchain.protocol.sectors import SEGMENT_SECTORS
from offchain.protocol.submission import Node

GENESIS_LEAF = bytes(32)
MAX_LENGTH = (1 << 48) - 1


def align(position: int, granule: int) -> int:
    """The first multiple of `granule` at or above `position`."""
    return -(-position // granule) * granule


def place(length: int, sectors: int, first_height: int) -> int:
    """Where a submission of `sectors`, whose first node has `first_height`, starts in a flow of `length` sectors.

    Every node is aligned to its own size, and a file that fits into one segment does not straddle two.
    """
    granule = 1 << first_height
    start = align(length, granule)
    inside = start % SEGMENT_SECTORS
    if inside and inside + sectors > SEGMENT_SECTORS:
        start = align(align(start, SEGMENT_SECTORS), granule)
    return start


@dataclass(frozen=True, slots=True)
class FlowTree:
    """What appending needs: the length in sectors and the peaks, one complete subtree for each bit set in it."""

    length: int = 1
    peaks: tuple[Node, ...] = (Node(GENESIS_LEAF, 0),)

    @property
    def root(self) -> bytes:
        """Root over the flow, empty sectors to its right."""
        lowest = self.peaks[-1]
        root, height = lowest.root, lowest.height
        for peak in reversed(self.peaks[:-1]):
            while height < peak.height:
                root, height = keccak256(root, ZERO_ROOTS[height]), height + 1
            root, height = keccak256(peak.root, root), height + 1
        return root

    def append(self, nodes: Sequence[Node]) -> tuple[FlowTree, int]:
        """The tree after a submission of `nodes`, and the sector where it starts."""
        growth = self.grow(nodes)
        return growth.tree, growth.start

    def grow(self, nodes: Sequence[Node]) -> Growth:
        """The same, with the complete subtrees that this made."""
        sectors = sum(node.sectors for node in nodes)
        start = place(self.length, sectors, nodes[0].height)
        if start + sectors > MAX_LENGTH:
            raise InvalidSubmission("the flow is full")
        tree, made = self, list[Placed]()
        while tree.length < start:
            height = (tree.length & -tree.length).bit_length() - 1
            tree = tree._push(Node(ZERO_ROOTS[height], height), made)
        for node in nodes:
            tree = tree._push(node, made)
        return Growth(tree, start, tuple(made))

    def _push(self, node: Node, made: list[Placed]) -> FlowTree:
        peaks, start = list(self.peaks), self.length
        length = start + node.sectors
        made.append(Placed(start >> node.height, node))
        while peaks and peaks[-1].height == node.height:
            node = Node(keccak256(peaks.pop().root, node.root), node.height + 1)
            made.append(Placed((length >> node.height) - 1, node))
        return FlowTree(length, (*peaks, node))


@dataclass(frozen=True, slots=True)
class Placed:
    """A complete subtree of the flow: the one number `index` of its height."""

    index: int
    node: Node


@dataclass(frozen=True, slots=True)
class Growth:
    """What a submission does to the flow: the tree after it, its first sector, the complete subtrees it made."""

    tree: FlowTree
    start: int
    made: tuple[Placed, ...]


Subtree = Callable[[int, int], bytes]
"""Root of the complete subtree (height, index), whose sectors all lie below the length asked for."""


def subtree_root(known: Subtree, length: int, height: int, index: int) -> bytes:
    """Root of subtree (height, index) of a flow cut at `length` sectors, empty sectors behind."""
    start = index << height
    if start >= length:
        return ZERO_ROOTS[height]
    if start + (1 << height) <= length:
        return known(height, index)
    left = subtree_root(known, length, height - 1, 2 * index)
    return keccak256(left, subtree_root(known, length, height - 1, 2 * index + 1))


def prove_sector(known: Subtree, length: int, sector: int, height: int = 0) -> Proof:
    """Proof that the subtree of 2^height sectors around `sector` lies below the root of the flow at `length`."""
    if not 0 <= sector < length:
        raise Invalid(f"sector {sector} is beyond the flow's {length} sectors")
    top = (length - 1).bit_length()
    index = sector >> height
    item = subtree_root(known, length, height, index)
    if height >= top:
        return Proof((item,), ())
    siblings, path = [], []
    for level in range(height, top):
        siblings.append(subtree_root(known, length, level, index ^ 1))
        path.append(index & 1 == 0)
        index //= 2
    return Proof((item, *siblings, subtree_root(known, length, top, 0)), tuple(path))
