"""What each context seals, as the flow's epochs told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offchain.chain.contracts.flow import Opened
from offchain.errors import ChainInconsistent
from offchain.protocol.epochs import UNKNOWN, SealedRange
from offchain.store.database import Database, Row, Schema

RANGE_SCHEMA = Schema(
    "sealed_ranges",
    (
        """
        CREATE TABLE sealed_ranges (
            start INTEGER PRIMARY KEY,        -- first sector
            stop INTEGER NOT NULL,            -- behind the last one
            digest BLOB NOT NULL,             -- of the context that seals them
            epoch INTEGER NOT NULL,
            block INTEGER NOT NULL            -- that opened the epoch
        ) STRICT;
        CREATE INDEX sealed_ranges_by_block ON sealed_ranges (block);
        """,
    ),
)

NEWEST = (1 << 63) - 1
"""Above every block."""

SealedBy = Callable[[bytes], tuple[int, int]]
"""The sectors that a context seals, first and behind the last, as the contract has it."""


class SealedRanges:
    """Ranges without gaps between them, from sector 0 on; those that seal nothing are left out."""

    def __init__(self, database: Database) -> None:
        """`database` was opened with `RANGE_SCHEMA`."""
        self._database = database

    def covered(self, block: int = NEWEST) -> int:
        """Sectors of the flow that contexts of epochs opened up to `block` seal."""
        sql = "SELECT stop FROM sealed_ranges WHERE block <= ? ORDER BY start DESC LIMIT 1"
        rows = self._database.query(sql, (block,))
        return int(rows[0]["stop"]) if rows else 0

    def replace(self, block: int, found: Sequence[Found]) -> None:
        """Let these ranges stand for whatever was opened above `block`."""
        rows = [(each.range.start, each.range.end, each.range.digest, each.range.epoch, each.block) for each in found]
        with self._database.transaction() as transaction:
            transaction.execute("DELETE FROM sealed_ranges WHERE block > ?", (block,))
            transaction.executemany("INSERT INTO sealed_ranges VALUES (?, ?, ?, ?, ?)", rows)

    def over(self, first: int, end: int) -> list[SealedRange]:
        """Ranges that have sectors from `first` on and before `end`, in order."""
        sql = "SELECT * FROM sealed_ranges WHERE start < ? AND stop > ? ORDER BY start"
        return [_range(row) for row in self._database.query(sql, (end, first))]

    def named(self, *digests: bytes) -> list[SealedRange]:
        """Ranges of contexts by their digests."""
        marks = ",".join("?" * len(digests))
        rows = self._database.query(f"SELECT * FROM sealed_ranges WHERE digest IN ({marks})", digests)
        return [_range(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Found:
    """A range, and the block that opened its epoch."""

    range: SealedRange
    block: int


def following(covered: int, opened: Sequence[Opened], sealed_by: SealedBy) -> list[Found]:
    """What newly opened epochs seal behind the first `covered` sectors; ChainInconsistent when the contract differs."""
    found = []
    for each in opened:
        if each.digest == UNKNOWN or each.length == covered:
            continue
        if each.length < covered or sealed_by(each.digest) != (covered, each.length):
            raise ChainInconsistent(f"the RPC's events and its flow disagree about what epoch {each.epoch} seals")
        found.append(Found(SealedRange(covered, each.length, each.digest, each.epoch), each.log.block_number))
        covered = each.length
    return found


def _range(row: Row) -> SealedRange:
    return SealedRange(row["start"], row["stop"], bytes(row["digest"]), row["epoch"])
