"""Rights in streams, and since which sequence number each holds or does not."""

from __future__ import annotations

from offchain.protocol.kv.rights import Change, Right, Role
from offchain.protocol.kv.state_tree import Leaf, right_leaf
from offchain.store.database import Row, Schema, Transaction

FACTS_SCHEMA = Schema(
    "kv_facts",
    (
        """
        CREATE TABLE facts (
            stream BLOB NOT NULL,
            role INTEGER NOT NULL,
            account BLOB NOT NULL,            -- zeros when it is about a key alone
            key BLOB NOT NULL,                -- empty when it is about an account alone
            version INTEGER NOT NULL,         -- sequence number since which it is so
            holds INTEGER NOT NULL,
            PRIMARY KEY (stream, role, account, key, version)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX facts_by_version ON facts (stream, version);
        """,
    ),
)

_NEWEST = (
    "SELECT version, holds FROM facts WHERE stream = ? AND role = ? AND account = ? AND key = ? AND version <= ? "
    "ORDER BY version DESC LIMIT 1"
)
_ANY_KEY = (
    "SELECT 1 FROM facts AS fact WHERE stream = ? AND role = ? AND account = ? AND version <= ? AND holds = 1 "
    "AND NOT EXISTS (SELECT 1 FROM facts AS later WHERE later.stream = fact.stream AND later.role = fact.role "
    "AND later.account = fact.account AND later.key = fact.key AND later.version > fact.version "
    "AND later.version <= ?) LIMIT 1"
)


class FactsAt:
    """Rights as they are after sequence number `version`; the `Rights` of the protocol."""

    def __init__(self, reader: Transaction, version: int) -> None:
        """Reads whatever `reader` sees."""
        self._reader = reader
        self._version = version

    def is_new(self, stream: bytes) -> bool:
        """Whether nothing was committed to `stream` yet."""
        sql = "SELECT 1 FROM facts WHERE stream = ? AND version <= ? LIMIT 1"
        return self._reader.execute(sql, (stream, self._version)).fetchone() is None

    def holds(self, right: Right) -> bool:
        """Whether a right holds."""
        known = self.newest(right)
        return known is not None and known[1]

    def newest(self, right: Right) -> tuple[int, bool] | None:
        """Since which sequence number a right holds or does not; None when nothing was ever said about it."""
        fields = (right.stream, int(right.role), right.account, right.key, self._version)
        row = self._reader.execute(_NEWEST, fields).fetchone()
        return None if row is None else (row["version"], bool(row["holds"]))

    def writes_some_key(self, stream: bytes, account: bytes) -> bool:
        """Whether `account` is a writer of any special key."""
        fields = (stream, int(Role.SPECIAL_WRITER), account, self._version, self._version)
        return self._reader.execute(_ANY_KEY, fields).fetchone() is not None


def put(transaction: Transaction, change: Change, version: int) -> None:
    """Store a right that sequence number `version` grants or takes."""
    right = change.right
    transaction.execute(
        "INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)",
        (right.stream, int(right.role), right.account, right.key, version, change.granted),
    )


def undo(transaction: Transaction, stream: bytes, seq: int) -> None:
    """Forget what `seq` and later ones changed in a stream."""
    transaction.execute("DELETE FROM facts WHERE stream = ? AND version >= ?", (stream, seq))


def newest(reader: Transaction, stream: bytes) -> list[Leaf]:
    """The leaves of all rights of a stream as they are now."""
    sql = (
        "SELECT role, account, key, max(version) AS version, holds FROM facts WHERE stream = ? "
        "GROUP BY role, account, key"
    )
    return [
        right_leaf(_right(stream, row), row["version"], bool(row["holds"])) for row in reader.execute(sql, (stream,))
    ]


def _right(stream: bytes, row: Row) -> Right:
    return Right(stream, Role(row["role"]), bytes(row["key"]), bytes(row["account"]))
