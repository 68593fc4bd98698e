"""Values of keys, in all their versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offchain.protocol.keccak import keccak256
from offchain.protocol.kv.stream_data import Write
from offchain.store.database import Row, Schema, Transaction

PIECE_BYTES = 1 << 18
"""Values are stored in pieces of this size: what one request may ask for lies in at most two."""

VALUES_SCHEMA = Schema(
    "kv_values",
    (
        """
        CREATE TABLE entries (
            stream BLOB NOT NULL,
            key BLOB NOT NULL,
            version INTEGER NOT NULL,         -- sequence number that wrote it
            until INTEGER,                    -- version that replaced it, if one did
            size INTEGER NOT NULL,            -- 0 for a deleted key
            digest BLOB NOT NULL,             -- keccak of the value
            piece INTEGER NOT NULL,           -- the first of its pieces, which have consecutive numbers
            PRIMARY KEY (stream, key, version)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX entries_live ON entries (stream, key) WHERE until IS NULL AND size > 0;
        CREATE INDEX entries_by_version ON entries (stream, version);

        CREATE TABLE pieces (number INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
        """,
    ),
)

_NEWEST = "SELECT * FROM entries WHERE stream = ? AND key = ? AND version <= ? ORDER BY version DESC LIMIT 1"
_REPLACE = (
    "UPDATE entries SET until = ? WHERE stream = ? AND key = ? AND version = "
    "(SELECT max(version) FROM entries WHERE stream = ? AND key = ?)"
)
_LIVE = (
    "SELECT * FROM entries INDEXED BY entries_live WHERE stream = ? AND until IS NULL AND size > 0 "
    "AND key {beyond} ORDER BY key {order} LIMIT 1"
)
_LIVE_AT = (
    "SELECT * FROM entries WHERE stream = ? AND version <= ? AND (until IS NULL OR until > ?) AND size > 0 "
    "AND key {beyond} ORDER BY key {order} LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Value:
    """A key's value since `version`; a deleted key has the size 0."""

    key: bytes
    version: int
    size: int
    digest: bytes
    piece: int


def find(reader: Transaction, stream: bytes, key: bytes, version: int) -> Value | None:
    """The newest value up to `version`; None when the key was never written."""
    row = reader.execute(_NEWEST, (stream, key, version)).fetchone()
    return None if row is None else _value(row)


def neighbour(
    reader: Transaction, stream: bytes, key: bytes | None, version: int | None, forward: bool, inclusive: bool = False
) -> Value | None:
    """The nearest key after or before `key` that has a value, at `version` or now; without `key`, from the end."""
    order = "ASC" if forward else "DESC"
    beyond = "IS NOT ?" if key is None else (">" if forward else "<") + ("= ?" if inclusive else " ?")
    if version is None:
        row = reader.execute(_LIVE.format(beyond=beyond, order=order), (stream, key)).fetchone()
    else:
        row = reader.execute(_LIVE_AT.format(beyond=beyond, order=order), (stream, version, version, key)).fetchone()
    return None if row is None else _value(row)


def read(reader: Transaction, value: Value, start: int, length: int) -> bytes:
    """`length` bytes of a value from byte `start`; less at its end."""
    end = min(start + length, value.size)
    if start >= end:
        return b""
    first, last = start // PIECE_BYTES, (end - 1) // PIECE_BYTES
    rows = reader.execute(
        "SELECT data FROM pieces WHERE number BETWEEN ? AND ? ORDER BY number",
        (value.piece + first, value.piece + last),
    ).fetchall()
    data = rows[0]["data"] if len(rows) == 1 else b"".join(row["data"] for row in rows)
    return bytes(data[start - first * PIECE_BYTES : end - first * PIECE_BYTES])


def put(transaction: Transaction, writes: Sequence[Write], version: int) -> list[Value]:
    """Store the values that sequence number `version` gives to keys, each of which stands in `writes` once."""
    last = transaction.execute("SELECT max(number) AS last FROM pieces").fetchone()["last"]
    values, number = list[Value](), (last or 0) + 1
    for write in writes:
        values.append(Value(write.key, version, len(write.value), keccak256(write.value), number))
        number += _piece_count(len(write.value))
    transaction.executemany("INSERT INTO pieces VALUES (?, ?)", _pieces(writes, values))
    transaction.executemany(_REPLACE, [(version, *_place(write), *_place(write)) for write in writes])
    rows = zip(writes, values, strict=True)
    transaction.executemany(
        "INSERT INTO entries VALUES (?, ?, ?, NULL, ?, ?, ?)",
        [(*_place(write), version, value.size, value.digest, value.piece) for write, value in rows],
    )
    return values


def undo(transaction: Transaction, stream: bytes, seq: int) -> None:
    """Forget what `seq` and later ones wrote to a stream."""
    where = "stream = ? AND version >= ?"
    rows = transaction.execute(f"SELECT key, piece, size FROM entries WHERE {where}", (stream, seq)).fetchall()
    for row in rows:
        last = row["piece"] + _piece_count(row["size"]) - 1
        transaction.execute("DELETE FROM pieces WHERE number BETWEEN ? AND ?", (row["piece"], last))
    transaction.execute(f"DELETE FROM entries WHERE {where}", (stream, seq))
    keys = {bytes(row["key"]) for row in rows}
    transaction.executemany(_REPLACE, [(None, stream, key, stream, key) for key in keys])


def newest(reader: Transaction, stream: bytes) -> list[Value]:
    """The newest value of every key of a stream, deleted ones too."""
    rows = reader.execute("SELECT * FROM entries WHERE stream = ? AND until IS NULL", (stream,))
    return [_value(row) for row in rows]


def _place(write: Write) -> tuple[bytes, bytes]:
    return write.stream, write.key


def _pieces(writes: Sequence[Write], values: Sequence[Value]) -> Iterator[tuple[int, bytes]]:
    for write, value in zip(writes, values, strict=True):
        for number in range(_piece_count(value.size)):
            yield value.piece + number, write.value[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]


def _piece_count(size: int) -> int:
    return -(-size // PIECE_BYTES)


def _value(row: Row) -> Value:
    return Value(bytes(row["key"]), row["version"], row["size"], bytes(row["digest"]), row["piece"])
