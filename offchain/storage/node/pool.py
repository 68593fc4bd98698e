"""Files without a submission: their segments came before their transaction, or a reorganisation took it back."""

from __future__ import annotations

from collections.abc import Callable

from offchain.errors import Busy
from offchain.storage.node.refusals import too_large_to_wait
from offchain.store.database import Database, Transaction
from offchain.store.segment_store import Content, SegmentStore

Now = Callable[[], float]

MAX_FILE = 10 << 20
"""Bytes of a file that may come before its transaction."""
BLOCK = 4096


class Pool:
    """Early files, for `patience` seconds; the submission of a file takes it out.

    What they take on disk stays below `capacity` bytes, and below `share` for what one address sends.
    """

    def __init__(
        self, database: Database, store: SegmentStore, capacity: int, share: int, patience: float, now: Now
    ) -> None:
        """`database` was opened with the catalog's schema; `now` gives Unix time."""
        self._database = database
        self._store = store
        self._capacity = capacity
        self._share = share
        self._patience = patience
        self._now = now

    def check(self, content: Content) -> None:
        """Refusal when the file is too large to wait here."""
        if content.size > MAX_FILE:
            raise too_large_to_wait()

    def admit(self, content: Content, length: int, sender: str) -> None:
        """Make room for a segment of `length` bytes that `sender` sent, and time for its transaction to appear.

        Busy when the pool is full, or all that one address may have of it is taken.
        """
        taken = room_of(length)
        with self._database.transaction() as transaction:
            if _pooled(transaction) + taken > self._capacity:
                raise Busy(f"the pool of files without a transaction is full ({self._capacity} bytes), try again later")
            if _sent(transaction, sender) + taken > self._share:
                raise Busy(f"this address has {self._share} bytes of files without a transaction here, try again later")
            # Its submission may have come since the caller looked: then it must not expire.
            unknown = "NOT EXISTS (SELECT 1 FROM submissions WHERE root = ?1 AND size = ?2)"
            row = (content.root, content.size, self.deadline())
            later = "ON CONFLICT (root, size) DO UPDATE SET expires = excluded.expires"
            if transaction.execute(f"INSERT INTO pool SELECT ?1, ?2, ?3 WHERE {unknown} {later}", row).rowcount > 0:
                part = (content.root, content.size, sender, taken)
                more = "ON CONFLICT (root, size, sender) DO UPDATE SET bytes = bytes + excluded.bytes"
                transaction.execute(f"INSERT INTO pool_parts VALUES (?, ?, ?, ?) {more}", part)

    def deadline(self) -> float:
        """Unix time at which what enters now is given up."""
        return self._now() + self._patience

    def holds(self, content: Content) -> bool:
        """Whether `content` waits here."""
        sql = "SELECT 1 FROM pool WHERE root = ? AND size = ?"
        return bool(self._database.query(sql, (content.root, content.size)))

    def bytes_held(self) -> int:
        """What all early segments take together."""
        return int(self._database.query("SELECT pooled FROM totals")[0]["pooled"])

    def expire(self) -> int:
        """Delete files whose time is over; their number."""
        with self._database.transaction() as transaction:
            rows = transaction.execute("SELECT root, size FROM pool WHERE expires <= ?", (self._now(),)).fetchall()
            for row in rows:
                # Within the transaction: a submission that takes the file out of the pool comes before or after.
                self._store.remove(Content(bytes(row["root"]), row["size"]))
            transaction.execute("DELETE FROM pool WHERE expires <= ?", (self._now(),))
        return len(rows)


def room_of(length: int) -> int:
    """Bytes that a segment of `length` bytes takes on disk: its blocks, and one for its proof."""
    return (-(-length // BLOCK) + 1) * BLOCK


def _pooled(transaction: Transaction) -> int:
    return int(transaction.execute("SELECT pooled FROM totals").fetchone()["pooled"])


def _sent(transaction: Transaction, sender: str) -> int:
    sql = "SELECT coalesce(sum(bytes), 0) AS bytes FROM pool_parts WHERE sender = ?"
    return int(transaction.execute(sql, (sender,)).fetchone()["bytes"])
