"""What this client has paid for, or was about to: the reason why a retry never pays twice."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from offchain.protocol.keccak import keccak256
from offchain.protocol.submission import Submission
from offchain.store.database import Database, Schema

INTENT_SCHEMA = Schema(
    "intents",
    (
        """
        CREATE TABLE intents (                -- the transaction that announces a file, by flow and content
            flow TEXT NOT NULL,
            root BLOB NOT NULL,
            size INTEGER NOT NULL,
            tags BLOB NOT NULL,
            key TEXT NOT NULL,
            PRIMARY KEY (flow, root, size, tags)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX intents_by_key ON intents (key);
        """,
    ),
)


Identity = tuple[bytes, int, bytes]
"""Root, size and tags: what makes a submission the same as another. A root alone may be that of several files."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is to be announced to a flow."""

    root: bytes
    submission: Submission

    @property
    def identity(self) -> Identity:
        """What makes it the same file as another."""
        return self.root, self.submission.length, self.submission.tags


class Intents:
    """Files and the keys of their transactions, for one flow."""

    def __init__(self, database: Database, flow: str) -> None:
        """`database` was opened with `INTENT_SCHEMA`; it belongs to one account on one chain."""
        self._database = database
        self._flow = flow.lower()

    def key_of(self, wanted: Wanted) -> str | None:
        """Key of the transaction that announces a file, if one was ever decided on."""
        sql = "SELECT key FROM intents WHERE flow = ? AND root = ? AND size = ? AND tags = ?"
        rows = self._database.query(sql, (self._flow, *wanted.identity))
        return str(rows[0]["key"]) if rows else None

    def decide(self, wanted: Sequence[Wanted]) -> str:
        """Decide that one transaction announces these files; returns its key, written down before anything is sent."""
        content = b"".join(root + size.to_bytes(8, "big") + keccak256(tags) for root, size, tags in _identities(wanted))
        # A key that was forgotten must not come again: its transaction may be on record, and have failed.
        key = f"submit:{self._flow}:{keccak256(content).hex()[:32]}:{secrets.token_hex(8)}"
        rows = [(self._flow, *identity, key) for identity in _identities(wanted)]
        with self._database.transaction() as transaction:
            transaction.executemany("INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?)", rows)
        return key

    def forget(self, key: str) -> None:
        """The transaction was never sent, or it was mined and failed: the files may be announced by another one."""
        with self._database.transaction() as transaction:
            transaction.execute("DELETE FROM intents WHERE key = ?", (key,))


def identity_of(submission: Submission) -> Identity:
    """What a submission announces."""
    return submission.data_root, submission.length, submission.tags


def _identities(wanted: Sequence[Wanted]) -> list[Identity]:
    return [each.identity for each in wanted]
