"""Answers that this miner found, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.storage.miner.rounds import Find
from offchain.store.database import Database, Row, Schema

ANSWER_SCHEMA = Schema(
    "answers",
    (
        """
        CREATE TABLE answers (
            name TEXT PRIMARY KEY,            -- of the intent to send it
            state TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            context BLOB NOT NULL,            -- digest
            nonce BLOB NOT NULL,
            load INTEGER NOT NULL,            -- first sector
            unit INTEGER NOT NULL,
            quality BLOB NOT NULL,
            second INTEGER,                   -- first sector of the unit of the second hop
            found REAL NOT NULL,              -- Unix time
            until INTEGER NOT NULL,           -- last block in which the mine takes it
            reason TEXT,
            transaction_hash BLOB,
            reward TEXT                       -- wei; integers of the database are too small
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX answers_open ON answers (found) WHERE state IN ('found', 'sent');
        CREATE INDEX answers_won ON answers (found) WHERE state = 'won';
        """,
    ),
)

FOUND, SENT, WON, LOST = "found", "sent", "won", "lost"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: `reason` once it is lost, `transaction_hash` once it is sent, `reward` in wei once it has won."""

    name: str
    state: str
    epoch: int
    context: bytes
    nonce: bytes
    load: int
    unit: int
    quality: bytes
    second: int | None
    found: float
    until: int
    reason: str | None = None
    transaction_hash: bytes | None = None
    reward: int | None = None


class AnswerBook:
    """Answers in a database, each noted before anything is done about it."""

    def __init__(self, database: Database) -> None:
        """`database` was opened with `ANSWER_SCHEMA`."""
        self._database = database

    def note(self, find: Find, now: float) -> None:
        """Something was found at the Unix time `now`."""
        context, name = find.job.context, name_of(find)
        place = (find.nonce, find.load, find.unit, find.quality, find.second)
        with self._database.transaction() as transaction:
            transaction.execute(
                "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)",
                (name, FOUND, context.epoch, context.digest, *place, now, find.job.blocks.stop - 1),
            )

    def sent(self, name: str, transaction_hash: bytes) -> None:
        """An answer is on its way."""
        self._set(name, "state = ?, transaction_hash = ?", SENT, transaction_hash)

    def won(self, name: str, transaction_hash: bytes, reward: int) -> None:
        """An answer was accepted, for `reward` wei."""
        self._set(name, "state = ?, transaction_hash = ?, reward = ?", WON, transaction_hash, str(reward))

    def lost(self, name: str, reason: str) -> None:
        """Nothing will come of an answer."""
        self._set(name, "state = ?, reason = ?", LOST, reason)

    def found(self) -> list[Answer]:
        """Answers that nothing was done about."""
        return self._select("state = ? ORDER BY found", FOUND)

    def on_their_way(self) -> list[Answer]:
        """Answers that were sent and are not settled."""
        return self._select("state = ? ORDER BY found", SENT)

    def last_won(self, limit: int) -> list[Answer]:
        """The newest answers that were accepted, newest first."""
        return self._select("state = ? ORDER BY found DESC LIMIT ?", WON, limit)

    def counts(self) -> dict[str, int]:
        """How many answers there are, by state, those that are lost by reason."""
        sql = "SELECT coalesce(reason, state) AS outcome, count(*) AS number FROM answers GROUP BY outcome"
        return {str(row["outcome"]): int(row["number"]) for row in self._database.query(sql)}

    def _set(self, name: str, assignment: str, *values: object) -> None:
        with self._database.transaction() as transaction:
            transaction.execute(f"UPDATE answers SET {assignment} WHERE name = ?", (*values, name))

    def _select(self, condition: str, *parameters: object) -> list[Answer]:
        return [_answer(row) for row in self._database.query(f"SELECT * FROM answers WHERE {condition}", parameters)]


def name_of(find: Find) -> str:
    """The name of the one intent to send an answer."""
    return f"answer:{find.job.context.digest.hex()}:{find.nonce.hex()}:{find.unit}"


def _answer(row: Row) -> Answer:
    values = dict(row)
    reward = None if row["reward"] is None else int(row["reward"])
    return Answer(**{**values, "reward": reward})
