"""Merkle trees over sectors, and proofs of a segment within a file.

Leaf = keccak(sector), inner node = keccak(left ‖ right), no domain separation. A tree over k items is built level by
level and an odd last node is carried up unchanged, so the left subtree holds the largest power of two below k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.errors import Invalid, InvalidProof
from offchain.protocol.keccak import keccak256
from offchain.protocol.sectors import SECTOR_BYTES

EMPTY_SECTOR_HASH = keccak256(bytes(SECTOR_BYTES))
MAX_HEIGHT = 64


def _zero_roots() -> tuple[bytes, ...]:
    roots = [EMPTY_SECTOR_HASH]
    for _ in range(MAX_HEIGHT):
        roots.append(keccak256(roots[-1], roots[-1]))
    return tuple(roots)


ZERO_ROOTS = _zero_roots()
"""Root of a complete tree of empty sectors, by height."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That an item is at some position below a root.

    `lemma` is the item's own hash, the siblings from the bottom up, the root; `path` says for each sibling whether
    the running node is the left one. A tree of a single item has the lemma (root,) and an empty path.
    """

    lemma: tuple[bytes, ...]
    path: tuple[bool, ...]

    @property
    def siblings(self) -> tuple[bytes, ...]:
        """The hashes to combine with, bottom up."""
        return self.lemma[1:-1]


def sector_hashes(data: bytes, leaf_count: int) -> list[bytes]:
    """Hashes of the sectors of `data`, its last one filled with zeros, then empty sectors up to `leaf_count`."""
    hashes = [
        keccak256(data[at : at + SECTOR_BYTES].ljust(SECTOR_BYTES, b"\0")) for at in range(0, len(data), SECTOR_BYTES)
    ]
    if len(hashes) > leaf_count:
        raise Invalid(f"{len(hashes)} sectors do not fit into {leaf_count}")
    return hashes + [EMPTY_SECTOR_HASH] * (leaf_count - len(hashes))


def levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """All levels of the tree over `hashes`, leaves first, the root alone in the last."""
    if not hashes:
        raise Invalid("a tree needs at least one item")
    rows = [list(hashes)]
    while len(rows[-1]) > 1:
        below = rows[-1]
        row = [keccak256(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
        rows.append(row + below[len(row) * 2 :])
    return rows


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over `hashes`; Invalid when there are none."""
    return levels(hashes)[-1][0]


def segment_root(data: bytes, leaf_count: int) -> bytes:
    """Root of a segment that holds `data` and `leaf_count` sectors, padding included."""
    return tree_root(sector_hashes(data, leaf_count))


def prove(hashes: Sequence[bytes], index: int) -> Proof:
    """Proof of item `index` below the root of the tree over `hashes`."""
    if not 0 <= index < len(hashes):
        raise Invalid(f"no item {index} among {len(hashes)}")
    rows = levels(hashes)
    if len(rows) == 1:
        return Proof((hashes[0],), ())
    lemma, path = [hashes[index]], []
    for row in rows[:-1]:
        sibling = index ^ 1
        if sibling < len(row):
            lemma.append(row[sibling])
            path.append(index & 1 == 0)
        index //= 2
    return Proof((*lemma, rows[-1][0]), tuple(path))


def expected_path(index: int, count: int) -> tuple[bool, ...]:
    """Path that the proof of item `index` among `count` must have, bottom up: it is never taken from the prover."""
    if not 0 <= index < count:
        raise Invalid(f"no item {index} among {count}")
    path = []
    while count > 1:
        left = 1 << ((count - 1).bit_length() - 1)
        path.append(index < left)
        index, count = (index, left) if index < left else (index - left, count - left)
    return tuple(reversed(path))


def fold(item: bytes, siblings: Sequence[bytes], path: Sequence[bool]) -> bytes:
    """Root that `item` reaches through `siblings`, bottom up."""
    for sibling, is_left in zip(siblings, path, strict=True):
        item = keccak256(item, sibling) if is_left else keccak256(sibling, item)
    return item


def verify(proof: Proof, item: bytes, root: bytes, index: int, count: int) -> None:
    """InvalidProof unless `proof` shows that `item` is number `index` of `count` items below `root`."""
    path = expected_path(index, count)
    if len(proof.lemma) != (len(path) + 2 if path else 1) or proof.path != path:
        raise InvalidProof(f"the proof has not the shape of item {index} among {count}")
    if proof.lemma[0] != item:
        raise InvalidProof("the proof speaks of another item")
    if proof.lemma[-1] != root:
        raise InvalidProof("the proof leads to another root")
    if fold(item, proof.siblings, path) != root:
        raise InvalidProof("the proof does not lead to its root")
