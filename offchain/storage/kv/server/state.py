"""The state of all streams: values, rights and trees, changed together by one submission and undone together."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from offchain.protocol.kv.replay import Verdict
from offchain.protocol.kv.state_tree import Leaf, entry_path, right_leaf
from offchain.storage.kv.server import facts, pages, values
from offchain.storage.kv.server.facts import FACTS_SCHEMA, FactsAt
from offchain.storage.kv.server.pages import PAGES_SCHEMA
from offchain.storage.kv.server.values import VALUES_SCHEMA, Value
from offchain.store.database import Schema, Transaction

STREAMS_SCHEMA = Schema(
    "kv_streams",
    (
        """
        CREATE TABLE streams (
            stream BLOB PRIMARY KEY,
            kept_from INTEGER NOT NULL DEFAULT 0,   -- pages of the tree are there for this and later sequence numbers
            provisional_from INTEGER                -- first sequence number that would change if a missing file came
        ) STRICT, WITHOUT ROWID;
        """,
    ),
)

STATE_SCHEMAS = (STREAMS_SCHEMA, VALUES_SCHEMA, FACTS_SCHEMA, PAGES_SCHEMA)


class StateAt(FactsAt):
    """The state as sequence number `version` left it; what the protocol's rule asks for."""

    def __init__(self, reader: Transaction, version: int, held: Collection[bytes] | None) -> None:
        """Without `held`, all streams are."""
        super().__init__(reader, version)
        self._held = held

    def version(self, stream: bytes, key: bytes) -> int:
        """Sequence number that last wrote `key`, 0 when none did."""
        value = values.find(self._reader, stream, key, self._version)
        return 0 if value is None else value.version

    def is_held(self, stream: bytes) -> bool:
        """Whether `stream` is kept here."""
        return self._held is None or stream in self._held


def commit(transaction: Transaction, seq: int, verdict: Verdict, history: int) -> None:
    """Do what `verdict` says; trees of the last `history` sequence numbers stay provable."""
    leaves: dict[bytes, list[Leaf]] = {}
    for write, value in zip(verdict.writes, values.put(transaction, verdict.writes, seq), strict=True):
        leaves.setdefault(write.stream, []).append(_leaf(write.stream, value))
    for change in verdict.changes:
        facts.put(transaction, change, seq)
        leaf = right_leaf(change.right, seq, change.granted)
        leaves.setdefault(change.right.stream, []).append(leaf)
    for stream, changed in leaves.items():
        _know(transaction, stream)
        pages.put(transaction, stream, changed, seq)
        if seq > history:
            pages.forget(transaction, stream, seq - history)
            sql = "UPDATE streams SET kept_from = max(kept_from, ?) WHERE stream = ?"
            transaction.execute(sql, (seq - history, stream))


def undo(transaction: Transaction, stream: bytes, seq: int) -> None:
    """Bring `stream` back to what it was before `seq`."""
    values.undo(transaction, stream, seq)
    facts.undo(transaction, stream, seq)
    row = transaction.execute("SELECT kept_from FROM streams WHERE stream = ?", (stream,)).fetchone()
    if row is None:
        return
    if seq > row["kept_from"]:
        pages.undo(transaction, stream, seq)
    else:
        _rebuild(transaction, stream, seq)
    sql = "UPDATE streams SET provisional_from = NULL WHERE stream = ? AND provisional_from >= ?"
    transaction.execute(sql, (stream, seq))
    sql = (
        "DELETE FROM streams WHERE stream = ? AND provisional_from IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM roots WHERE roots.stream = streams.stream)"
    )
    transaction.execute(sql, (stream,))


def set_provisional(transaction: Transaction, streams: Iterable[bytes], seq: int) -> None:
    """Note that from `seq` on, the state of `streams` would be another one if a missing file came."""
    for stream in streams:
        _know(transaction, stream)
        sql = "UPDATE streams SET provisional_from = ? WHERE stream = ? AND provisional_from IS NULL"
        transaction.execute(sql, (seq, stream))


def provisional_from(reader: Transaction, stream: bytes) -> int | None:
    """The first sequence number from which the state of `stream` is provisional."""
    row = reader.execute("SELECT provisional_from FROM streams WHERE stream = ?", (stream,)).fetchone()
    return None if row is None else row["provisional_from"]


def is_provisional(reader: Transaction, stream: bytes, seq: int) -> bool:
    """Whether the state of `stream` after `seq` would be another one if a missing file came."""
    since = provisional_from(reader, stream)
    return since is not None and since <= seq


def kept_from(reader: Transaction, stream: bytes) -> int:
    """The first sequence number after which the tree of `stream` can still be proven."""
    row = reader.execute("SELECT kept_from FROM streams WHERE stream = ?", (stream,)).fetchone()
    return 0 if row is None else int(row["kept_from"])


def known(reader: Transaction, limit: int = -1) -> list[bytes]:
    """Streams that anything was committed to, in order, the first `limit` of them unless that is negative."""
    rows = reader.execute("SELECT stream FROM streams ORDER BY stream LIMIT ?", (limit,))
    return [bytes(row["stream"]) for row in rows]


def _know(transaction: Transaction, stream: bytes) -> None:
    transaction.execute("INSERT OR IGNORE INTO streams (stream) VALUES (?)", (stream,))


def _rebuild(transaction: Transaction, stream: bytes, seq: int) -> None:
    leaves = [_leaf(stream, value) for value in values.newest(transaction, stream)]
    pages.rebuild(transaction, stream, [*leaves, *facts.newest(transaction, stream)], seq)
    transaction.execute("UPDATE streams SET kept_from = ? WHERE stream = ?", (max(seq - 1, 0), stream))


def _leaf(stream: bytes, value: Value) -> Leaf:
    return Leaf(entry_path(stream, value.key), value.version, value.digest)
