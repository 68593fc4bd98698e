"""Signed transactions, written down before they are broadcast; the journal of `offchain.chain.sender`."""

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.errors import Corrupted
from offchain.store.database import Database, Row, Schema, Transaction

JOURNAL_SCHEMA = Schema(
    "journal",
    (
        """
        CREATE TABLE transactions (
            position INTEGER PRIMARY KEY,      -- order of signing
            account TEXT NOT NULL,             -- chain id and address
            key TEXT NOT NULL,                 -- the intent
            nonce INTEGER NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            raw BLOB NOT NULL,                 -- signed bytes
            unsigned TEXT NOT NULL             -- fields in JSON
        ) STRICT;
        CREATE INDEX transactions_by_key ON transactions (account, key);
        CREATE INDEX transactions_by_nonce ON transactions (account, nonce);
        CREATE TABLE settlements (
            account TEXT NOT NULL,
            key TEXT NOT NULL,
            hash BLOB NOT NULL,                -- the transaction that was mined
            PRIMARY KEY (account, key)
        ) STRICT, WITHOUT ROWID;
        """,
        """
        ALTER TABLE transactions ADD COLUMN cancels INTEGER NOT NULL DEFAULT 0;   -- 1: takes the intent back
        ALTER TABLE settlements ADD COLUMN block INTEGER;                         -- NULL: from version 1, kept for good
        ALTER TABLE settlements ADD COLUMN released INTEGER NOT NULL DEFAULT 0;   -- 1: nobody asks for the key again
        ALTER TABLE settlements ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;     -- 1: only key and hash are left
        CREATE INDEX settlements_to_prune ON settlements (account, block) WHERE pruned = 0;
        CREATE TABLE caps (
            account TEXT NOT NULL,
            key TEXT NOT NULL,
            owner TEXT NOT NULL,               -- the intent whose cap it is
            wei TEXT,                          -- decimal, beyond 64 bits; only where key is owner
            PRIMARY KEY (account, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX caps_by_owner ON caps (account, owner);
        """,
    ),
)

_COLUMNS = "key, nonce, hash, raw, unsigned, cancels"
_PRUNED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A signed transaction on record; `unsigned` holds its fields in JSON, `cancels` says that it takes `key` back."""

    key: str
    nonce: int
    transaction_hash: bytes
    raw: bytes
    unsigned: str
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class JournalAgreement:
    """The most that the gas of `owner`, and of what shares with it, may cost, in wei."""

    owner: str
    cap: int


class TransactionJournal:
    """The transactions of one account on one chain.

    An intent that is not settled is kept with all its bytes. `prune` leaves of a settled one its key, nonce and hash,
    about 200 bytes, because a key that is asked for again must find its transaction instead of paying for another.
    Only a key that its owner has `release`d, with the promise never to ask again, is forgotten as a whole.
    """

    def __init__(self, database: Database, chain_id: int, address: str) -> None:
        """`database` was opened with `JOURNAL_SCHEMA`, and durable."""
        self._database = database
        self._account = f"{chain_id}:{address.lower()}"

    def record(
        self, key: str, nonce: int, transaction_hash: bytes, raw: bytes, unsigned: str, cancels: bool = False
    ) -> JournalEntry:
        """Write a transaction down, durable on return; raises `Corrupted` if another intent has the nonce."""
        with self._database.transaction() as transaction:
            other = transaction.execute(
                "SELECT key FROM transactions WHERE account = ? AND nonce = ? AND key <> ?", (self._account, nonce, key)
            ).fetchone()
            if other:
                raise Corrupted(f"nonce {nonce} is recorded for {other['key']!r} and shall serve {key!r}, too")
            transaction.execute(
                f"INSERT INTO transactions (account, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self._account, key, nonce, transaction_hash, raw, unsigned, int(cancels)),
            )
        return JournalEntry(key, nonce, transaction_hash, raw, unsigned, cancels)

    def of_key(self, key: str) -> Sequence[JournalEntry]:
        """All transactions of an intent, oldest first."""
        return self._select("key = ? ORDER BY position", key)

    def of_nonce(self, nonce: int) -> Sequence[JournalEntry]:
        """All transactions with a nonce, oldest first."""
        return self._select("nonce = ? ORDER BY position", nonce)

    def unsettled(self) -> Sequence[JournalEntry]:
        """The newest transaction of each intent without a settled one, by nonce."""
        newest = "position IN (SELECT max(position) FROM transactions WHERE account = ? GROUP BY key)"
        settled = "key IN (SELECT key FROM settlements WHERE account = ?)"
        return self._select(f"{newest} AND NOT {settled} ORDER BY nonce", self._account, self._account)

    def next_nonce(self) -> int:
        """One more than the highest nonce on record; 0 without any."""
        (row,) = self._database.query(
            "SELECT max(nonce) AS highest FROM transactions WHERE account = ?", (self._account,)
        )
        return 0 if row["highest"] is None else int(row["highest"]) + 1

    def settle(self, key: str, transaction_hash: bytes, block: int | None = None) -> None:
        """Note which transaction has the nonce of an intent for good; without its block it is kept for good, too."""
        with self._database.transaction() as transaction:
            transaction.execute(
                "INSERT INTO settlements (account, key, hash, block) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (account, key) DO UPDATE SET hash = excluded.hash, block = excluded.block",
                (self._account, key, transaction_hash, block),
            )

    def settled(self, key: str) -> bytes | None:
        """The hash that `settle` noted."""
        rows = self._database.query("SELECT hash FROM settlements WHERE account = ? AND key = ?", (self._account, key))
        return bytes(rows[0]["hash"]) if rows else None

    def unsettle(self, key: str) -> None:
        """Forget what `settle` noted: a deep reorganisation took it back."""
        with self._database.transaction() as transaction:
            transaction.execute("DELETE FROM settlements WHERE account = ? AND key = ?", (self._account, key))

    def release(self, key: str) -> None:
        """Note that nobody asks for `key` again; without effect while it is not settled."""
        with self._database.transaction() as transaction:
            transaction.execute(
                # What was pruned once is looked at once more, to forget the rest.
                "UPDATE settlements SET released = 1, pruned = 0 WHERE account = ? AND key = ?",
                (self._account, key),
            )

    def prune(self, block: int) -> None:
        """Drop what is not kept of up to 100 intents that were settled before `block`."""
        if old := self._prunable(block):
            with self._database.transaction() as transaction:
                for row in old:
                    (_forget if row["released"] else _strip)(transaction, self._account, row)

    def agree(self, key: str, cap: int) -> None:
        """Write down what the gas of an intent may cost at most, in wei."""
        with self._database.transaction() as transaction:
            transaction.execute(
                "INSERT INTO caps VALUES (?, ?, ?, ?) ON CONFLICT (account, key) DO UPDATE SET wei = excluded.wei",
                (self._account, key, key, str(cap)),
            )

    def share(self, key: str, owner: str) -> None:
        """Count what `key` costs against the cap of `owner`, too."""
        with self._database.transaction() as transaction:
            transaction.execute("INSERT INTO caps VALUES (?, ?, ?, NULL)", (self._account, key, owner))

    def agreement(self, key: str) -> JournalAgreement | None:
        """What `key` counts against; None without a cap."""
        rows = self._database.query(
            "SELECT agreed.key, agreed.wei FROM caps JOIN caps AS agreed "
            "ON agreed.account = caps.account AND agreed.key = caps.owner WHERE caps.account = ? AND caps.key = ?",
            (self._account, key),
        )
        return JournalAgreement(rows[0]["key"], int(rows[0]["wei"])) if rows else None

    def sharing(self, owner: str) -> Sequence[str]:
        """All keys that count against the cap of `owner`, itself among them; none without a cap."""
        rows = self._database.query("SELECT key FROM caps WHERE account = ? AND owner = ?", (self._account, owner))
        return [row["key"] for row in rows]

    def _prunable(self, block: int) -> list[Row]:
        """Settlements to prune; what shares the cap of an open intent still counts, the highest nonce always does."""
        return self._database.query(
            """
            SELECT key, hash, released FROM settlements
            WHERE account = ?1 AND pruned = 0 AND block < ?2
            AND key NOT IN (SELECT key FROM transactions WHERE account = ?1 AND nonce =
                (SELECT max(nonce) FROM transactions WHERE account = ?1))
            AND key NOT IN (SELECT key FROM caps WHERE account = ?1 AND owner NOT IN
                (SELECT key FROM settlements WHERE account = ?1))
            ORDER BY block LIMIT ?3
            """,
            (self._account, block, _PRUNED_AT_ONCE),
        )

    def _select(self, condition: str, *parameters: object) -> list[JournalEntry]:
        rows = self._database.query(
            f"SELECT {_COLUMNS} FROM transactions WHERE account = ? AND {condition}", (self._account, *parameters)
        )
        return [_entry(row) for row in rows]


def _entry(row: Row) -> JournalEntry:
    return JournalEntry(row["key"], row["nonce"], row["hash"], row["raw"], row["unsigned"], bool(row["cancels"]))


def _forget(transaction: Transaction, account: str, row: Row) -> None:
    for table in ("transactions", "settlements", "caps"):
        transaction.execute(f"DELETE FROM {table} WHERE account = ? AND key = ?", (account, row["key"]))


def _strip(transaction: Transaction, account: str, row: Row) -> None:
    of_key = (account, row["key"])
    transaction.execute(
        # Of several offers the one that was mined is left, or the newest where somebody else's was.
        "DELETE FROM transactions WHERE account = ? AND key = ? AND position <> (SELECT position FROM transactions "
        "WHERE account = ? AND key = ? ORDER BY hash = ? DESC, position DESC LIMIT 1)",
        (*of_key, *of_key, row["hash"]),
    )
    transaction.execute("UPDATE transactions SET raw = x'', unsigned = '' WHERE account = ? AND key = ?", of_key)
    transaction.execute("DELETE FROM caps WHERE account = ? AND key = ?", of_key)
    transaction.execute("UPDATE settlements SET pruned = 1 WHERE account = ? AND key = ?", of_key)
