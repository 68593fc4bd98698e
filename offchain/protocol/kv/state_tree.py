"""A stream's state under one root: a sparse Merkle tree over 256-bit paths, and proofs that a reader checks.

A subtree without leaves is 32 zero bytes, a subtree with a single leaf is that leaf, any other is keccak(1 ‖ left ‖
right); the bits of a path, highest first, lead from the root down. So the tree depends on the leaves alone, and a proof
has about as many siblings as the number of leaves has bits (Jellyfish Merkle Tree, Diem 2021, section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from offchain.errors import InvalidProof
from offchain.protocol.keccak import keccak256
from offchain.protocol.kv.rights import Right

EMPTY = bytes(32)
PATH_BITS = 256

_LEAF, _INNER = b"\0", b"\1"
_ENTRY, _RIGHT, _STREAM = b"\0", b"\1", b"\2"


@dataclass(frozen=True, slots=True)
class Leaf:
    """What stands at `path` (32 bytes) since sequence number `version`; `digest` commits to it."""

    path: bytes
    version: int
    digest: bytes

    @property
    def hash(self) -> bytes:
        """keccak(0 ‖ path ‖ version as u64 ‖ digest)."""
        return keccak256(_LEAF + self.path + self.version.to_bytes(8, "big") + self.digest)


@dataclass(frozen=True, slots=True)
class Proof:
    """`siblings` from the root down; where they end stands the leaf in question, `other`, or nothing."""

    siblings: tuple[bytes, ...]
    other: Leaf | None = None


def entry_path(stream: bytes, key: bytes) -> bytes:
    """Where a key's value stands: keccak(0 ‖ stream ‖ key)."""
    return keccak256(_ENTRY, stream, key)


def entry_leaf(stream: bytes, key: bytes, version: int, value: bytes) -> Leaf:
    """The value of a key; a deleted key has the empty one."""
    return Leaf(entry_path(stream, key), version, keccak256(value))


def right_path(right: Right) -> bytes:
    """Where a right stands: keccak(1 ‖ stream ‖ role ‖ account ‖ key)."""
    return keccak256(_RIGHT, right.stream, bytes([right.role]), right.account, right.key)


def right_leaf(right: Right, version: int, holds: bool) -> Leaf:
    """A right that was granted or taken; its digest is that of one byte, 1 or 0."""
    return Leaf(right_path(right), version, keccak256(bytes([holds])))


def inner(left: bytes, right: bytes) -> bytes:
    """A node with at least two leaves below it."""
    return keccak256(_INNER + left + right)


def root(leaves: Mapping[bytes, Leaf]) -> bytes:
    """Root over `leaves` by path."""
    return _subtree(sorted(leaves.values(), key=lambda leaf: leaf.path), 0)


def state_root(roots: Mapping[bytes, bytes]) -> bytes:
    """Root over the roots of several streams, with keccak(2 ‖ stream) as path and the stream's root as digest."""
    leaves = (Leaf(keccak256(_STREAM, stream), 0, digest) for stream, digest in roots.items())
    return root({leaf.path: leaf for leaf in leaves})


def prove(leaves: Mapping[bytes, Leaf], path: bytes) -> Proof:
    """Proof of what stands at `path`, or that nothing does."""
    below, siblings = sorted(leaves.values(), key=lambda leaf: leaf.path), list[bytes]()
    while len(below) > 1:
        depth = len(siblings)
        left, right = _split(below, depth)
        below, aside = (right, left) if bit(path, depth) else (left, right)
        siblings.append(_subtree(aside, depth + 1))
    found = below[0] if below else None
    return Proof(tuple(siblings), None if found is None or found.path == path else found)


def verify(proof: Proof, path: bytes, leaf: Leaf | None, root: bytes) -> None:
    """InvalidProof unless below `root`, `leaf` stands at `path`, or with None, nothing does."""
    if len(proof.siblings) > PATH_BITS or any(len(sibling) != len(EMPTY) for sibling in proof.siblings):
        raise InvalidProof(f"a proof has at most {PATH_BITS} siblings of {len(EMPTY)} bytes")
    node = _bottom(proof, path, leaf)
    for depth, sibling in reversed(list(enumerate(proof.siblings))):
        node = inner(sibling, node) if bit(path, depth) else inner(node, sibling)
    if node != root:
        raise InvalidProof("the proof does not lead to the state's root")


def bit(path: bytes, depth: int) -> int:
    """Bit `depth` of a path, the highest first."""
    return path[depth // 8] >> (7 - depth % 8) & 1


def _bottom(proof: Proof, path: bytes, leaf: Leaf | None) -> bytes:
    other, depth = proof.other, len(proof.siblings)
    if leaf is not None:
        if leaf.path != path or other is not None:
            raise InvalidProof("the proof is about another path")
        return leaf.hash
    if other is None:
        return EMPTY
    if len(other.path) != len(path) or other.path == path or _shared_bits(other.path, path) < depth:
        raise InvalidProof("the leaf in the proof does not show that the path is empty")
    return other.hash


def _shared_bits(one: bytes, two: bytes) -> int:
    difference = int.from_bytes(one, "big") ^ int.from_bytes(two, "big")
    return PATH_BITS - difference.bit_length()


def _subtree(leaves: Sequence[Leaf], depth: int) -> bytes:
    if len(leaves) < 2:
        return leaves[0].hash if leaves else EMPTY
    left, right = _split(leaves, depth)
    return inner(_subtree(left, depth + 1), _subtree(right, depth + 1))


def _split(leaves: Iterable[Leaf], depth: int) -> tuple[list[Leaf], list[Leaf]]:
    halves: tuple[list[Leaf], list[Leaf]] = ([], [])
    for leaf in leaves:
        halves[bit(leaf.path, depth)].append(leaf)
    return halves
