"""The trees of streams on disk: pages of four levels each, in versions, so that a change costs one page per level.

A page holds the sixteen subtrees below a prefix of four-bit steps. A subtree with a single leaf is stored as that leaf
where the path to it ends, so a tree over n leaves is about log16(n) pages deep. A change writes new versions of the
pages on the way and leaves the old ones for proofs about the past, until they leave the kept history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from offchain.errors import Corrupted
from offchain.protocol.kv.state_tree import EMPTY, Leaf, Proof, inner
from offchain.store.database import Schema, Transaction

PAGES_SCHEMA = Schema(
    "kv_pages",
    (
        """
        CREATE TABLE pages (
            stream BLOB NOT NULL,
            prefix BLOB NOT NULL,             -- steps from the root, one byte each
            version INTEGER NOT NULL,         -- sequence number that wrote it
            until INTEGER,                    -- version that replaced it, if one did
            slots BLOB NOT NULL,
            PRIMARY KEY (stream, prefix, version)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX pages_by_version ON pages (stream, version);
        CREATE INDEX pages_replaced ON pages (stream, until) WHERE until IS NOT NULL;

        CREATE TABLE roots (
            stream BLOB NOT NULL,
            seq INTEGER NOT NULL,             -- sequence number after which it is the root
            root BLOB NOT NULL,
            PRIMARY KEY (stream, seq)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
)

FAN = 16
STEPS = 64
_NOTHING, _LEAF, _TREE = 0, 1, 2
_LEAF_BYTES = 104
_EMPTY_PAGE = bytes([_NOTHING]) * FAN

KNOWN_PAGES = 1024
"""Pages whose inner nodes are not hashed again for each proof; about 10 KiB of memory each."""


@dataclass(frozen=True, slots=True)
class Subtree:
    """A subtree with at least two leaves, by its root."""

    hash: bytes


@dataclass(frozen=True, slots=True)
class Single:
    """A subtree with one leaf, and that leaf's hash, which is not computed again each time."""

    hash: bytes
    leaf: Leaf


Slot: TypeAlias = Single | Subtree | None


def put(transaction: Transaction, stream: bytes, leaves: Iterable[Leaf], version: int) -> bytes:
    """Set leaves in the tree of `stream`; returns the root that it has from sequence number `version` on."""
    top = _put(transaction, stream, b"", {leaf.path: Single(leaf.hash, leaf) for leaf in leaves}, version)
    root = EMPTY if top is None else top.hash
    transaction.execute("INSERT OR REPLACE INTO roots VALUES (?, ?, ?)", (stream, version, root))
    return root


def root_at(reader: Transaction, stream: bytes, seq: int) -> bytes:
    """Root of `stream` after sequence number `seq`."""
    sql = "SELECT root FROM roots WHERE stream = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
    row = reader.execute(sql, (stream, seq)).fetchone()
    return EMPTY if row is None else bytes(row["root"])


def prove(reader: Transaction, stream: bytes, path: bytes, seq: int) -> Proof:
    """What stands at `path` of the tree after sequence number `seq`, whose pages are kept."""
    siblings: list[bytes] = []
    prefix = b""
    while True:
        found = _descend(_known_rows(_packed_page(reader, stream, prefix, seq)), path, len(prefix), siblings)
        if not isinstance(found, Subtree):
            leaf = None if found is None else found.leaf
            return Proof(tuple(siblings), None if leaf is None or leaf.path == path else leaf)
        prefix += bytes([_step(path, len(prefix))])


def undo(transaction: Transaction, stream: bytes, seq: int) -> None:
    """Go back to the tree before `seq`, whose pages are kept."""
    transaction.execute("DELETE FROM pages WHERE stream = ? AND version >= ?", (stream, seq))
    transaction.execute("UPDATE pages SET until = NULL WHERE stream = ? AND until >= ?", (stream, seq))
    transaction.execute("DELETE FROM roots WHERE stream = ? AND seq >= ?", (stream, seq))


def forget(transaction: Transaction, stream: bytes, seq: int) -> None:
    """Drop pages that are only needed for the past before `seq`."""
    transaction.execute("DELETE FROM pages WHERE stream = ? AND until <= ?", (stream, seq))


def rebuild(transaction: Transaction, stream: bytes, leaves: Iterable[Leaf], seq: int) -> None:
    """Make the tree of `stream` before `seq` anew from all its leaves; roots of the past stay."""
    transaction.execute("DELETE FROM pages WHERE stream = ?", (stream,))
    transaction.execute("DELETE FROM roots WHERE stream = ? AND seq >= ?", (stream, seq))
    row = transaction.execute("SELECT max(seq) AS last FROM roots WHERE stream = ?", (stream,)).fetchone()
    if row["last"] is not None:
        before = root_at(transaction, stream, seq)
        if put(transaction, stream, leaves, row["last"]) != before:
            raise Corrupted(f"stream 0x{stream.hex()} no longer matches its root: remove the database to replay it")


def _put(transaction: Transaction, stream: bytes, prefix: bytes, leaves: Mapping[bytes, Single], version: int) -> Slot:
    slots = _load(transaction, stream, prefix, version)
    for step, group in _by_step(leaves, len(prefix)).items():
        slot = slots[step]
        if isinstance(slot, Single):
            group = {slot.leaf.path: slot, **group}
        if isinstance(slot, Subtree) or len(group) > 1:
            slots[step] = _put(transaction, stream, prefix + bytes([step]), group, version)
        else:
            slots[step] = next(iter(group.values()))
    _save(transaction, stream, prefix, slots, version)
    return _rows(slots)[-1][0]


def _by_step(leaves: Mapping[bytes, Single], depth: int) -> dict[int, dict[bytes, Single]]:
    groups: dict[int, dict[bytes, Single]] = {}
    for path, leaf in leaves.items():
        groups.setdefault(_step(path, depth), {})[path] = leaf
    return groups


def _step(path: bytes, depth: int) -> int:
    return path[depth // 2] >> 4 if depth % 2 == 0 else path[depth // 2] & 0xF


def _rows(slots: Sequence[Slot]) -> list[list[Slot]]:
    """The levels of a page: its slots first, the node above them all last."""
    rows = [list(slots)]
    while len(rows[-1]) > 1:
        below = rows[-1]
        rows.append([_join(below[at], below[at + 1]) for at in range(0, len(below), 2)])
    return rows


@lru_cache(KNOWN_PAGES)
def _known_rows(packed: bytes) -> Sequence[Sequence[Slot]]:
    """`_rows` of a page. Known by its content, so that no change can make it wrong."""
    return _rows(_unpacked(packed))


def _join(left: Slot, right: Slot) -> Slot:
    if left is None and not isinstance(right, Subtree):
        return right
    if right is None and not isinstance(left, Subtree):
        return left
    return Subtree(inner(_hash(left), _hash(right)))


def _hash(slot: Slot) -> bytes:
    return EMPTY if slot is None else slot.hash


def _descend(rows: Sequence[Sequence[Slot]], path: bytes, depth: int, siblings: list[bytes]) -> Slot:
    """Where `path` leads within a page: a leaf, nothing, or the subtree of a page below; collects the siblings."""
    step = _step(path, depth)
    for level in range(len(rows) - 1, 0, -1):
        if not isinstance(node := rows[level][step >> level], Subtree):
            return node
        siblings.append(_hash(rows[level - 1][step >> level - 1 ^ 1]))
    return rows[0][step]


def _load(reader: Transaction, stream: bytes, prefix: bytes, version: int) -> list[Slot]:
    return _unpacked(_packed_page(reader, stream, prefix, version))


def _packed_page(reader: Transaction, stream: bytes, prefix: bytes, version: int) -> bytes:
    sql = "SELECT slots FROM pages WHERE stream = ? AND prefix = ? AND version <= ? ORDER BY version DESC LIMIT 1"
    row = reader.execute(sql, (stream, prefix, version)).fetchone()
    return _EMPTY_PAGE if row is None else bytes(row["slots"])


def _save(transaction: Transaction, stream: bytes, prefix: bytes, slots: Sequence[Slot], version: int) -> None:
    transaction.execute(
        "UPDATE pages SET until = ? WHERE stream = ? AND prefix = ? AND until IS NULL AND version < ?",
        (version, stream, prefix, version),
    )
    row = (stream, prefix, version, _packed(slots))
    transaction.execute("INSERT OR REPLACE INTO pages VALUES (?, ?, ?, NULL, ?)", row)


def _packed(slots: Sequence[Slot]) -> bytes:
    parts = []
    for slot in slots:
        if slot is None:
            parts.append(bytes([_NOTHING]))
        elif isinstance(slot, Single):
            leaf = slot.leaf
            parts.append(bytes([_LEAF]) + slot.hash + leaf.path + leaf.version.to_bytes(8, "big") + leaf.digest)
        else:
            parts.append(bytes([_TREE]) + slot.hash)
    return b"".join(parts)


def _unpacked(data: bytes) -> list[Slot]:
    slots: list[Slot] = []
    at = 0
    while at < len(data):
        kind, at = data[at], at + 1
        if kind == _NOTHING:
            slots.append(None)
        elif kind == _LEAF:
            version = int.from_bytes(data[at + 64 : at + 72], "big")
            leaf = Leaf(data[at + 32 : at + 64], version, data[at + 72 : at + 104])
            slots.append(Single(data[at : at + 32], leaf))
            at += _LEAF_BYTES
        else:
            slots.append(Subtree(data[at : at + 32]))
            at += len(EMPTY)
    if len(slots) != FAN:
        raise Corrupted("a page of a stream's tree is damaged: remove the database to replay the streams")
    return slots
