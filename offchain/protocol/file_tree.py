"""The Merkle tree of one file: its segments, its root, its proofs, the nodes it submits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.errors import InvalidProof, InvalidSegment
from offchain.protocol import merkle
from offchain.protocol.merkle import EMPTY_SECTOR_HASH, ZERO_ROOTS, Proof
from offchain.protocol.sectors import (
    SEGMENT_BYTES,
    SEGMENT_HEIGHT,
    SEGMENT_SECTORS,
    node_heights,
    padded_sector_count,
    padded_segment_count,
    segment_count,
    segment_data_length,
    segment_leaf_count,
)
from offchain.protocol.submission import Node, Submission


@dataclass(frozen=True, slots=True)
class FileTree:
    """A file of `size` bytes.

    `rows` are the levels above the segments, padding segments included, root last. `tail` are the sector hashes of
    the last segment when it is not full: nodes of a submission may end inside it.
    """

    size: int
    rows: Sequence[Sequence[bytes]]
    tail: Sequence[bytes]

    @property
    def root(self) -> bytes:
        """The file's root, its name in the network."""
        return self.rows[-1][0]

    @property
    def segment_roots(self) -> Sequence[bytes]:
        """Roots of all segments, padding segments included."""
        return self.rows[0]

    def proof(self, index: int) -> Proof:
        """Proof of segment `index`; InvalidSegment when there is none."""
        if not 0 <= index < len(self.rows[0]):
            raise InvalidSegment(f"no segment {index} among {len(self.rows[0])}")
        if len(self.rows) == 1:
            return Proof((self.root,), ())
        siblings, at = [], index
        for row in self.rows[:-1]:
            if at ^ 1 < len(row):
                siblings.append(row[at ^ 1])
            at //= 2
        path = merkle.expected_path(index, len(self.rows[0]))
        return Proof((self.rows[0][index], *siblings, self.root), path)

    def submission(self, tags: bytes = b"") -> Submission:
        """What the file's owner sends to `Flow`."""
        nodes, sector = [], 0
        for height in node_heights(padded_sector_count(self.size)):
            nodes.append(Node(self._subtree(sector, height), height))
            sector += 1 << height
        return Submission(self.size, tags, tuple(nodes))

    def _subtree(self, sector: int, height: int) -> bytes:
        if height >= SEGMENT_HEIGHT:
            return self.rows[height - SEGMENT_HEIGHT][sector >> height]
        start = sector % SEGMENT_SECTORS
        return merkle.tree_root(self.tail[start : start + (1 << height)])


def tail_length(size: int) -> int:
    """Sectors of the last padded segment of a file of `size` bytes, 0 when that segment is full."""
    return padded_sector_count(size) % SEGMENT_SECTORS


def build(data: bytes) -> FileTree:
    """The tree of `data`; Invalid when it is empty."""
    size = len(data)
    hashes = [
        merkle.sector_hashes(data[at * SEGMENT_BYTES : (at + 1) * SEGMENT_BYTES], segment_leaf_count(size, at))
        for at in range(padded_segment_count(size))
    ]
    rows = merkle.levels([merkle.tree_root(segment) for segment in hashes])
    return FileTree(size, rows, hashes[-1] if tail_length(size) else ())


def check_segment(size: int, index: int, length: int) -> None:
    """InvalidSegment unless segment `index` of a file of `size` bytes travels as `length` bytes."""
    if not 0 <= index < segment_count(size):
        raise InvalidSegment(f"no segment {index} in a file of {size} bytes")
    if length != (expected := segment_data_length(size, index)):
        raise InvalidSegment(f"segment {index} of a file of {size} bytes has {expected} bytes, not {length}")


def check_rear_padding(siblings: Sequence[bytes], size: int, index: int) -> None:
    """InvalidProof when a sibling that covers only padding at the end of the file is not made of empty sectors.

    `siblings` prove segment `index`, bottom up. `Flow` does not look below a submission's nodes, so a file could
    claim padding that is none.
    """
    real, count, position = segment_count(size), padded_segment_count(size), 0
    path = merkle.expected_path(index, count)
    for sibling, is_left in zip(reversed(siblings), reversed(path), strict=True):
        left = 1 << ((count - 1).bit_length() - 1)
        if is_left:
            if position + left >= real and sibling != padding_root(size, position + left, count - left):
                raise InvalidProof("invalid proof node value in the padding range")
            count = left
        else:
            position, count = position + left, count - left


def padding_root(size: int, first: int, count: int) -> bytes:
    """Root over `count` padding segments from segment `first` on, in a file of `size` bytes."""
    leaves = [_padding_segment(segment_leaf_count(size, first + at)) for at in range(count)]
    return merkle.tree_root(leaves)


def _padding_segment(sectors: int) -> bytes:
    if sectors == SEGMENT_SECTORS:
        return ZERO_ROOTS[SEGMENT_HEIGHT]
    return merkle.tree_root([EMPTY_SECTOR_HASH] * sectors)
