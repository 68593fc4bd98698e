"""What the node knows of the flow: its submissions, its tree, and which files are complete here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.chain.contracts.flow import Submitted
from offchain.errors import BadSettings, ChainInconsistent, Corrupted, InvalidSubmission
from offchain.protocol.flow import GENESIS_LEAF, FlowTree
from offchain.protocol.submission import Node, Submission, check
from offchain.store.cursor import CursorStore
from offchain.store.database import Database, Row, Schema, Transaction
from offchain.store.segment_store import Content

CURSOR = "flow"
NO_SEQ = 1 << 63
"""What no sequence number reaches, nor an integer of the database."""
PAGE = 256
"""Submissions that are looked at together."""

CATALOG_SCHEMA = Schema(
    "catalog",
    (
        """
        CREATE TABLE submissions (
            seq INTEGER PRIMARY KEY,
            root BLOB NOT NULL,
            size INTEGER NOT NULL,
            start INTEGER NOT NULL,
            length INTEGER NOT NULL,          -- of the flow after it, in sectors
            flow_root BLOB NOT NULL,          -- of the flow after it
            nodes BLOB NOT NULL,              -- height and root, 33 bytes each
            tags BLOB NOT NULL,
            sender TEXT NOT NULL,
            caller TEXT NOT NULL,
            block INTEGER NOT NULL,
            transaction_hash BLOB NOT NULL,
            finalized INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX submissions_by_root ON submissions (root, size);
        CREATE INDEX submissions_by_block ON submissions (block);
        CREATE INDEX submissions_by_flow_root ON submissions (flow_root);
        CREATE INDEX submissions_unfinished ON submissions (seq) WHERE finalized = 0;

        CREATE TABLE subtrees (               -- complete subtrees of the flow, down to the nodes of submissions
            height INTEGER NOT NULL,
            position INTEGER NOT NULL,
            root BLOB NOT NULL,
            PRIMARY KEY (height, position)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE pool (                   -- files without a submission: early ones, and those a reorg cut off
            root BLOB NOT NULL,
            size INTEGER NOT NULL,
            expires REAL NOT NULL,            -- Unix time
            PRIMARY KEY (root, size)
        ) STRICT, WITHOUT ROWID;
        """,
        "CREATE TABLE followed (chain_id INTEGER NOT NULL, flow TEXT NOT NULL) STRICT",
        """
        CREATE INDEX submissions_by_start ON submissions (start);
        DROP INDEX submissions_by_root;
        CREATE INDEX submissions_by_content ON submissions (root, size, finalized);
        CREATE INDEX submissions_by_root ON submissions (root, finalized DESC);

        CREATE TABLE pool_parts (             -- what addresses sent of the files in the pool
            root BLOB NOT NULL,
            size INTEGER NOT NULL,
            sender TEXT NOT NULL,
            bytes INTEGER NOT NULL,           -- on disk
            PRIMARY KEY (root, size, sender),
            FOREIGN KEY (root, size) REFERENCES pool (root, size) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX pool_parts_by_sender ON pool_parts (sender, bytes);

        CREATE TABLE totals (unfinished INTEGER NOT NULL, pooled INTEGER NOT NULL) STRICT;  -- kept by the triggers
        INSERT INTO totals SELECT count(*), 0 FROM submissions WHERE finalized = 0;
        CREATE TRIGGER submission_added AFTER INSERT ON submissions
            BEGIN UPDATE totals SET unfinished = unfinished + (new.finalized = 0); END;
        CREATE TRIGGER submission_removed AFTER DELETE ON submissions
            BEGIN UPDATE totals SET unfinished = unfinished - (old.finalized = 0); END;
        CREATE TRIGGER submission_marked AFTER UPDATE OF finalized ON submissions
            BEGIN UPDATE totals SET unfinished = unfinished + (new.finalized = 0) - (old.finalized = 0); END;
        CREATE TRIGGER part_added AFTER INSERT ON pool_parts
            BEGIN UPDATE totals SET pooled = pooled + new.bytes; END;
        CREATE TRIGGER part_removed AFTER DELETE ON pool_parts
            BEGIN UPDATE totals SET pooled = pooled - old.bytes; END;
        CREATE TRIGGER part_grown AFTER UPDATE OF bytes ON pool_parts
            BEGIN UPDATE totals SET pooled = pooled + new.bytes - old.bytes; END;
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission, and whether this node has all of it that it should."""

    seq: int
    start: int
    length: int
    flow_root: bytes
    submission: Submission
    root: bytes
    finalized: bool
    block: int
    sender: str
    caller: str
    transaction_hash: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.submission.length

    @property
    def content(self) -> Content:
        """What identifies its bytes in the store."""
        return Content(self.root, self.size)


class Catalog:
    """Submissions in a database; a page of events and the cursor behind it are one transaction."""

    def __init__(self, database: Database) -> None:
        """`database` was opened with `CATALOG_SCHEMA` and `CURSOR_SCHEMA`."""
        self._database = database
        self._cursors = CursorStore(database)

    def claim(self, chain_id: int, flow: str) -> None:
        """Be the catalogue of this flow from now on; BadSettings when it is that of another one already."""
        with self._database.transaction() as transaction:
            row = transaction.execute("SELECT chain_id, flow FROM followed").fetchone()
            if row is None:
                transaction.execute("INSERT INTO followed VALUES (?, ?)", (chain_id, flow))
            elif (row["chain_id"], row["flow"]) != (chain_id, flow):
                raise BadSettings(
                    f"the data directory holds files of the flow {row['flow']} on chain {row['chain_id']}, not of "
                    f"{flow} on chain {chain_id}: correct the settings, or take another directory"
                )

    def cursor(self) -> str | None:
        """Text of the stored cursor."""
        return self._cursors.load(CURSOR)

    def next_seq(self) -> int:
        """Sequence number of the submission that comes next."""
        return _next_seq(self._database.query("SELECT max(seq) AS last FROM submissions"))

    def last(self) -> Entry | None:
        """The newest submission."""
        return _first(self._database.query("SELECT * FROM submissions ORDER BY seq DESC LIMIT 1"))

    def entry(self, seq: int) -> Entry | None:
        """The submission number `seq`."""
        sql = "SELECT * FROM submissions WHERE seq = ?"
        return None if seq >= NO_SEQ else _first(self._database.query(sql, (seq,)))

    def find(self, root: bytes) -> Entry | None:
        """Among submissions of the file `root`, the first that is complete here, else the first."""
        sql = "SELECT * FROM submissions WHERE root = ? ORDER BY finalized DESC, seq LIMIT 1"
        return _first(self._database.query(sql, (root,)))

    def best(self, content: Content) -> Entry | None:
        """The first submission of `content` that is complete here, else the first."""
        sql = "SELECT * FROM submissions WHERE root = ? AND size = ? ORDER BY finalized DESC, seq LIMIT 1"
        return _first(self._database.query(sql, (content.root, content.size)))

    def sizes(self, root: bytes, most: int) -> list[int]:
        """Sizes of the files with `root`, in the order in which they were first submitted, at most so many."""
        sql = "SELECT size FROM submissions WHERE root = ? GROUP BY size ORDER BY min(seq) LIMIT ?"
        return [row["size"] for row in self._database.query(sql, (root, most))]

    def wanting(self, content: Content) -> Entry | None:
        """The first submission of `content` that is not complete here, else the first."""
        sql = "SELECT * FROM submissions WHERE root = ? AND size = ? ORDER BY finalized, seq LIMIT 1"
        return _first(self._database.query(sql, (content.root, content.size)))

    def of_content(self, content: Content) -> list[Entry]:
        """All submissions of `content`."""
        sql = "SELECT * FROM submissions WHERE root = ? AND size = ? ORDER BY seq"
        return [_entry(row) for row in self._database.query(sql, (content.root, content.size))]

    def containing(self, sector: int) -> Entry | None:
        """The submission that starts last at or before `sector`; it may end before it."""
        sql = "SELECT * FROM submissions WHERE start <= ? ORDER BY start DESC LIMIT 1"
        return _first(self._database.query(sql, (sector,)))

    def within(self, first: int, end: int) -> list[Entry]:
        """Submissions with sectors in [first, end), in order; there are at most `end` - `first` of them."""
        since = "coalesce((SELECT max(start) FROM submissions WHERE start <= ?1), 0)"
        sql = f"SELECT * FROM submissions WHERE start >= {since} AND start < ?2 ORDER BY start"
        return [entry for entry in map(_entry, self._database.query(sql, (first, end))) if entry.length > first]

    def unfinished(self, after: int = -1, most: int = PAGE) -> list[Entry]:
        """The first submissions after number `after` that are not complete here."""
        sql = "SELECT * FROM submissions WHERE finalized = 0 AND seq > ? ORDER BY seq LIMIT ?"
        return [_entry(row) for row in self._database.query(sql, (after, most))]

    def unfinished_count(self) -> int:
        """How many submissions are not complete here."""
        return int(self._database.query("SELECT unfinished FROM totals")[0]["unfinished"])

    def subtree(self, height: int, position: int) -> bytes | None:
        """Root of a complete subtree at or above the nodes of submissions."""
        sql = "SELECT root FROM subtrees WHERE height = ? AND position = ?"
        rows = self._database.query(sql, (height, position))
        return bytes(rows[0]["root"]) if rows else None

    def length_at_root(self, flow_root: bytes) -> int | None:
        """Length of the flow when its root was `flow_root`; None when it never was."""
        rows = self._database.query("SELECT length FROM submissions WHERE flow_root = ?", (flow_root,))
        return int(rows[0]["length"]) if rows else None

    def set_finalized(self, content: Content, seqs: Sequence[int], finalized: bool) -> None:
        """Note that submissions of `content` are complete here, or no longer are.

        Those that a reorganisation has replaced in the meantime stay as they are.
        """
        if seqs:
            with self._database.transaction() as transaction:
                sql = "UPDATE submissions SET finalized = ? WHERE seq = ? AND root = ? AND size = ?"
                transaction.executemany(sql, [(finalized, seq, content.root, content.size) for seq in seqs])

    def apply(
        self,
        submitted: Sequence[Submitted],
        flow_root: bytes | None,
        cursor: str,
        rolled_back_to: int | None,
        expires: float,
    ) -> tuple[list[Entry], list[Entry]]:
        """Undo submissions above block `rolled_back_to`, append new ones, store the cursor: all or nothing.

        Returns what was added and what was undone. Files that lost their last submission wait in the pool until
        `expires`. ChainInconsistent when the events contradict the flow's rules, or `flow_root`, the root that the
        contract has after the last of them.
        """
        with self._database.transaction() as transaction:
            undone = _undo(transaction, rolled_back_to, expires) if rolled_back_to is not None else []
            added = [_append(transaction, each) for each in submitted]
            if added and added[-1].flow_root != flow_root:
                raise ChainInconsistent(f"the RPC's events and its flow root disagree at submission {added[-1].seq}")
            self._cursors.save(transaction, CURSOR, cursor)
        return added, undone


def _undo(transaction: Transaction, block: int, expires: float) -> list[Entry]:
    rows = transaction.execute("SELECT * FROM submissions WHERE block > ? ORDER BY seq", (block,)).fetchall()
    undone = [_entry(row) for row in rows]
    if not undone:
        return []
    transaction.execute("DELETE FROM submissions WHERE seq >= ?", (undone[0].seq,))
    row = transaction.execute("SELECT length FROM submissions ORDER BY seq DESC LIMIT 1").fetchone()
    length = row["length"] if row else 1
    transaction.execute("DELETE FROM subtrees WHERE (position + 1) << height > ?", (length,))
    for entry in undone:
        sql = "SELECT 1 FROM submissions WHERE root = ? AND size = ?"
        if transaction.execute(sql, (entry.root, entry.size)).fetchone() is None:
            sql = "INSERT INTO pool VALUES (?, ?, ?) ON CONFLICT (root, size) DO UPDATE SET expires = excluded.expires"
            transaction.execute(sql, (entry.root, entry.size, expires))
    return undone


def _append(transaction: Transaction, submitted: Submitted) -> Entry:
    expected = _next_seq(transaction.execute("SELECT max(seq) AS last FROM submissions").fetchall())
    if submitted.seq != expected:
        raise ChainInconsistent(f"the RPC showed submission {submitted.seq} where {expected} was due")
    try:
        check(submitted.submission)
        growth = _tree(transaction).grow(submitted.submission.nodes)
    except InvalidSubmission as error:
        raise ChainInconsistent(f"the RPC showed a submission that the flow would refuse: {error}") from error
    if growth.start != submitted.start or submitted.submission.sectors != submitted.sectors:
        raise ChainInconsistent(f"the RPC showed submission {submitted.seq} at sector {submitted.start}")
    nodes = b"".join(bytes([node.height]) + node.root for node in submitted.submission.nodes)
    root = submitted.submission.data_root
    transaction.execute(
        "INSERT INTO submissions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            submitted.seq,
            root,
            submitted.submission.length,
            submitted.start,
            growth.tree.length,
            growth.tree.root,
            nodes,
            submitted.submission.tags,
            submitted.sender,
            submitted.caller,
            submitted.log.block_number,
            submitted.log.transaction_hash,
        ),
    )
    made = [(placed.node.height, placed.index, placed.node.root) for placed in growth.made]
    transaction.executemany("INSERT OR REPLACE INTO subtrees VALUES (?, ?, ?)", made)
    transaction.execute("DELETE FROM pool WHERE root = ? AND size = ?", (root, submitted.submission.length))
    row = transaction.execute("SELECT * FROM submissions WHERE seq = ?", (submitted.seq,)).fetchone()
    return _entry(row)


def _tree(reader: Transaction) -> FlowTree:
    row = reader.execute("SELECT length FROM submissions ORDER BY seq DESC LIMIT 1").fetchone()
    return _tree_at(reader, row["length"]) if row else FlowTree()


def _tree_at(reader: Transaction, length: int) -> FlowTree:
    peaks = []
    for height in reversed(range(length.bit_length())):
        if length >> height & 1:
            peaks.append(Node(_subtree(reader, height, (length >> height) - 1), height))
    return FlowTree(length, tuple(peaks))


def _subtree(reader: Transaction, height: int, position: int) -> bytes:
    sql = "SELECT root FROM subtrees WHERE height = ? AND position = ?"
    row = reader.execute(sql, (height, position)).fetchone()
    if row is None and (height, position) != (0, 0):
        raise Corrupted(
            f"subtree {position} of height {height} is missing: remove the database to follow the flow anew"
        )
    return bytes(row["root"]) if row else GENESIS_LEAF


def _next_seq(rows: Sequence[Row]) -> int:
    last = rows[0]["last"]
    return 0 if last is None else int(last) + 1


def _first(rows: Sequence[Row]) -> Entry | None:
    return _entry(rows[0]) if rows else None


def _entry(row: Row) -> Entry:
    packed = bytes(row["nodes"])
    nodes = tuple(Node(packed[at + 1 : at + 33], packed[at]) for at in range(0, len(packed), 33))
    return Entry(
        seq=row["seq"],
        start=row["start"],
        length=row["length"],
        flow_root=bytes(row["flow_root"]),
        submission=Submission(row["size"], bytes(row["tags"]), nodes),
        root=bytes(row["root"]),
        finalized=bool(row["finalized"]),
        block=row["block"],
        sender=row["sender"],
        caller=row["caller"],
        transaction_hash=bytes(row["transaction_hash"]),
    )
