"""Which loads are sealed on disk, with what, and whether they still count."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from offchain.storage.miner.holding import Holding
from offchain.store.database import Database, Row, Schema

LOAD_SCHEMA = Schema(
    "sealed_loads",
    (
        """
        CREATE TABLE sealed_loads (
            slot INTEGER PRIMARY KEY,
            plan BLOB NOT NULL,               -- digest of what the load was made of
            checksum INTEGER NOT NULL,        -- of the sealed bytes
            siblings BLOB NOT NULL,           -- from the load's root up to a subtree that the chain told, 32 bytes each
            held INTEGER NOT NULL             -- 0 after a reorganisation, until the plan is known to be the same
        ) STRICT;
        CREATE INDEX sealed_loads_held ON sealed_loads (slot) WHERE held = 1;
        """,
    ),
)
HASH_BYTES = 32
HELD, MISSING = 1, 0


@dataclass(frozen=True, slots=True)
class SealedLoad:
    """A load on disk. `plan` is the digest of the plan it was sealed by, `checksum` that of its sealed bytes."""

    slot: int
    plan: bytes
    checksum: int
    siblings: tuple[bytes, ...]


class SealedLoads:
    """Loads in a database, those that count also in memory, one byte each; safe to use from several threads."""

    def __init__(self, database: Database, holding: Holding) -> None:
        """`database` was opened with `LOAD_SCHEMA`; reads which loads count."""
        self._database = database
        self._holding = holding
        self._lock = threading.Lock()
        self._marks = bytearray()
        self._doubts = 0
        self._count = 0
        for row in database.query("SELECT slot FROM sealed_loads WHERE held = 1"):
            self._set(row["slot"], HELD)

    @property
    def count(self) -> int:
        """Loads that count."""
        return self._count

    @property
    def doubts(self) -> int:
        """How often the flow changed: a plan from before may be of one that is no more."""
        return self._doubts

    def has(self, slot: int) -> bool:
        """Whether the load in `slot` counts."""
        return slot < len(self._marks) and self._marks[slot] == HELD

    def next_missing(self, slot: int) -> int:
        """The first slot from `slot` on whose load does not count."""
        found = self._marks.find(MISSING, slot)
        return max(slot, len(self._marks)) if found < 0 else found

    def find(self, slot: int) -> SealedLoad | None:
        """What is on disk in `slot`, whether it counts or not."""
        rows = self._database.query("SELECT * FROM sealed_loads WHERE slot = ?", (slot,))
        return _load(rows[0]) if rows else None

    def add(self, loads: Sequence[SealedLoad], doubts: int) -> bool:
        """Count loads that lie on disk, unless the flow changed since `doubts` was read; whether they count."""
        with self._lock:
            if doubts != self._doubts:
                return False
            rows = [(each.slot, each.plan, each.checksum, b"".join(each.siblings), HELD) for each in loads]
            with self._database.transaction() as transaction:
                transaction.executemany("INSERT OR REPLACE INTO sealed_loads VALUES (?, ?, ?, ?, ?)", rows)
            for each in loads:
                self._set(each.slot, HELD)
        return True

    def forget(self, slot: int) -> None:
        """The load in `slot` is damaged: nothing of it is of use."""
        with self._lock:
            self._set(slot, MISSING)
            with self._database.transaction() as transaction:
                transaction.execute("DELETE FROM sealed_loads WHERE slot = ?", (slot,))

    @contextmanager
    def doubting(self, sector: int) -> Iterator[None]:
        """While the flow changes from `sector` on: loads there count no more, until they are planned again.

        What was planned before the end of the block is not added any more.
        """
        first = self._holding.slots(sector)
        with self._lock:
            for slot in range(first, len(self._marks)):
                self._set(slot, MISSING)
            with self._database.transaction() as transaction:
                transaction.execute("UPDATE sealed_loads SET held = 0 WHERE slot >= ?", (first,))
            try:
                yield
            finally:
                self._doubts += 1

    def _set(self, slot: int, mark: int) -> None:
        if slot >= len(self._marks):
            self._marks.extend(bytes(slot + 1 - len(self._marks)))
        self._count += mark - self._marks[slot]
        self._marks[slot] = mark


def _load(row: Row) -> SealedLoad:
    packed = bytes(row["siblings"])
    siblings = tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))
    return SealedLoad(row["slot"], bytes(row["plan"]), row["checksum"], siblings)
