"""Submissions to streams as the chain told them, and what was decided about each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offchain.chain.contracts.flow import Submitted
from offchain.errors import BadSettings, ChainInconsistent
from offchain.protocol.kv import tags
from offchain.protocol.kv.replay import MISSING, Verdict
from offchain.store.cursor import CursorStore
from offchain.store.database import Database, Row, Schema, Transaction

CURSOR = "flow"
END = (1 << 63) - 1
"""What no sequence number reaches, nor an integer of the database exceeds."""

WAITING, DECIDED, ELSEWHERE = 0, 1, 2
"""Not decided yet; decided; belongs to a stream that is not held here."""

ASIDE = 2

LEDGER_SCHEMA = Schema(
    "kv_ledger",
    (
        """
        CREATE TABLE followed (chain_id INTEGER NOT NULL, flow TEXT NOT NULL) STRICT;

        CREATE TABLE marks (                  -- blocks with submissions of any kind
            block INTEGER PRIMARY KEY,
            next_seq INTEGER NOT NULL         -- after the block
        ) STRICT;

        CREATE TABLE submissions (            -- those with the tags of streams
            seq INTEGER PRIMARY KEY,
            block INTEGER NOT NULL,
            root BLOB NOT NULL,
            size INTEGER NOT NULL,
            start INTEGER NOT NULL,           -- first sector in the flow
            sender BLOB NOT NULL,             -- who writes
            since REAL NOT NULL,              -- Unix time at which it was seen
            state INTEGER NOT NULL,
            result TEXT,
            reason TEXT,
            missing INTEGER NOT NULL DEFAULT 0,      -- decided without its file
            provisional INTEGER NOT NULL DEFAULT 0   -- decided after one that is missing
        ) STRICT;
        CREATE INDEX submissions_by_block ON submissions (block);
        CREATE INDEX submissions_by_root ON submissions (root, size);
        CREATE INDEX submissions_waiting ON submissions (seq) WHERE state = 0;
        CREATE INDEX submissions_elsewhere ON submissions (seq) WHERE state = 2;
        CREATE INDEX submissions_missing ON submissions (seq) WHERE missing = 1;

        CREATE TABLE members (                -- streams that a submission names or reads
            stream BLOB NOT NULL,
            seq INTEGER NOT NULL,
            tagged INTEGER NOT NULL,          -- 0 when it only reads the stream
            waiting INTEGER NOT NULL,
            PRIMARY KEY (stream, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX members_by_seq ON members (seq);
        CREATE INDEX members_waiting ON members (stream, seq) WHERE waiting = 1 AND tagged = 1;

        CREATE TABLE held (stream BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
        """,
        """
        -- From now on, tagged is 2 when the sender cannot change the stream, and waiting is 2 for what is left aside.
        UPDATE members SET waiting = 2 WHERE seq IN (SELECT seq FROM submissions WHERE state = 2);
        CREATE INDEX members_aside ON members (stream, seq) WHERE waiting = 2;
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission; `result` and `reason` once it is decided, `streams` that its tags name."""

    seq: int
    block: int
    root: bytes
    size: int
    start: int
    sender: bytes
    since: float
    state: int
    result: str | None
    reason: str | None
    missing: bool
    provisional: bool
    streams: tuple[bytes, ...]

    @property
    def file(self) -> tuple[int, bytes, int, int]:
        """What tells its file from that of another fork of the chain."""
        return self.seq, self.root, self.size, self.start


class Ledger:
    """Submissions in a database; writes take part in the caller's transaction."""

    def __init__(self, database: Database) -> None:
        """`database` was opened with `LEDGER_SCHEMA` and `CURSOR_SCHEMA`."""
        self._database = database
        self._cursors = CursorStore(database)

    def claim(self, chain_id: int, flow: str) -> None:
        """Be the ledger of this flow from now on; BadSettings when it is that of another one already."""
        with self._database.transaction() as transaction:
            row = transaction.execute("SELECT chain_id, flow FROM followed").fetchone()
            if row is None:
                transaction.execute("INSERT INTO followed VALUES (?, ?)", (chain_id, flow))
            elif (row["chain_id"], row["flow"]) != (chain_id, flow):
                raise BadSettings(
                    f"the data directory holds streams of the flow {row['flow']} on chain {row['chain_id']}, not of "
                    f"{flow} on chain {chain_id}: correct the settings, or take another directory"
                )

    def cursor(self) -> str | None:
        """Text of the stored cursor."""
        return self._cursors.load(CURSOR)

    def save_cursor(self, transaction: Transaction, cursor: str) -> None:
        """Store how far the chain was followed."""
        self._cursors.save(transaction, CURSOR, cursor)

    def progress(self) -> tuple[int, int]:
        """Submissions of the flow, and those before the first one that is not decided."""
        with self._database.snapshot() as reader:
            return next_seq(reader), applied(reader)

    def entry(self, seq: int) -> Entry | None:
        """The submission number `seq`, if it belongs to a stream."""
        with self._database.snapshot() as reader:
            return entry(reader, seq)

    def waiting(self, after: int = -1, limit: int = 1024) -> list[Entry]:
        """Submissions that are not decided, in order, behind `after`."""
        with self._database.snapshot() as reader:
            return listed(reader, "state = 0", after, limit)

    def missing(self, after: int = -1, limit: int = 1024) -> list[Entry]:
        """Submissions that were decided without their file, in order, behind `after`."""
        with self._database.snapshot() as reader:
            return listed(reader, "missing = 1", after, limit)

    def count(self, waiting: bool) -> int:
        """Submissions that are not decided, or that are missing."""
        condition = "state = 0" if waiting else "missing = 1"
        return int(self._database.query(f"SELECT count(*) AS number FROM submissions WHERE {condition}")[0]["number"])


def next_seq(reader: Transaction, block: int = END) -> int:
    """Sequence number of the submission that comes next after `block`, the newest one by default."""
    sql = "SELECT next_seq FROM marks WHERE block <= ? ORDER BY block DESC LIMIT 1"
    row = reader.execute(sql, (block,)).fetchone()
    return 0 if row is None else int(row["next_seq"])


def applied(reader: Transaction) -> int:
    """Submissions of the flow before the first one that is not decided."""
    first = reader.execute("SELECT min(seq) AS first FROM submissions WHERE state = 0").fetchone()["first"]
    return next_seq(reader) if first is None else int(first)


def entry(reader: Transaction, seq: int) -> Entry | None:
    """The submission number `seq`, if it belongs to a stream."""
    if seq > END:
        return None
    row = reader.execute("SELECT * FROM submissions WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else _entry(reader, row)


def listed(reader: Transaction, condition: str, after: int, limit: int) -> list[Entry]:
    """The first submissions behind `after` that meet a condition in SQL."""
    sql = f"SELECT * FROM submissions WHERE {condition} AND seq > ? ORDER BY seq LIMIT ?"
    return [_entry(reader, row) for row in reader.execute(sql, (after, limit)).fetchall()]


def record(
    transaction: Transaction, submitted: Sequence[Submitted], held: frozenset[bytes] | None, now: float
) -> list[int]:
    """Append submissions; returns those that wait to be decided. With `held`, other streams stay aside.

    ChainInconsistent when one is not the next.
    """
    expected = next_seq(transaction)
    waiting = []
    for each in submitted:
        if each.seq != expected:
            raise ChainInconsistent(f"the RPC showed submission {each.seq} where {expected} was due")
        expected += 1
        if streams := tags.decode(each.submission.tags):
            state = WAITING if held is None or held.issuperset(streams) else ELSEWHERE
            _insert(transaction, each, streams, state, now)
            waiting += [each.seq] if state == WAITING else []
        transaction.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (each.log.block_number, expected))
    return waiting


def forget(transaction: Transaction, block: int) -> tuple[int, set[bytes]]:
    """Remove submissions above `block`; returns the first one removed and the streams that it or later ones name."""
    first = next_seq(transaction, block)
    rows = transaction.execute("SELECT DISTINCT stream FROM members WHERE seq >= ? AND tagged = 1", (first,)).fetchall()
    for sql in ("DELETE FROM members WHERE seq >= ?", "DELETE FROM submissions WHERE seq >= ?"):
        transaction.execute(sql, (first,))
    transaction.execute("DELETE FROM marks WHERE block > ?", (block,))
    return first, {bytes(row["stream"]) for row in rows}


def is_first(reader: Transaction, stream: bytes, seq: int) -> bool:
    """Whether everything in `stream` before `seq` is decided."""
    first = first_waiting(reader, stream)
    return first is None or first >= seq


def first_waiting(reader: Transaction, stream: bytes) -> int | None:
    """The first submission to `stream` that is not decided."""
    sql = (
        "SELECT min(seq) AS first FROM members INDEXED BY members_waiting "
        "WHERE stream = ? AND waiting = 1 AND tagged = 1"
    )
    first = reader.execute(sql, (stream,)).fetchone()["first"]
    return None if first is None else int(first)


def next_waiting(reader: Transaction, stream: bytes, seq: int) -> list[int]:
    """Submissions after `seq` that may have waited for `stream`: up to the next one that writes to it."""
    first = first_waiting(reader, stream)
    sql = "SELECT seq FROM members WHERE stream = ? AND seq > ? AND seq <= ? AND waiting = 1"
    limit = END if first is None else first
    return [row["seq"] for row in reader.execute(sql, (stream, seq, limit)).fetchall()]


def decided_after(reader: Transaction, stream: bytes, seq: int) -> list[int]:
    """Submissions after `seq` that wrote to `stream` or read it, and are decided."""
    sql = "SELECT seq FROM members WHERE stream = ? AND seq > ? AND waiting = 0"
    return [row["seq"] for row in reader.execute(sql, (stream, seq)).fetchall()]


def first_aside(reader: Transaction, stream: bytes) -> int | None:
    """The first submission to `stream` that is left aside, as it names another one that is not held."""
    sql = "SELECT min(seq) AS first FROM members INDEXED BY members_aside WHERE stream = ? AND waiting = 2"
    first = reader.execute(sql, (stream,)).fetchone()["first"]
    return None if first is None else int(first)


def bound(reader: Transaction, seq: int) -> list[bytes]:
    """Streams that a submission names and may change, as far as is known."""
    rows = reader.execute("SELECT stream FROM members WHERE seq = ? AND tagged = 1", (seq,))
    return [bytes(row["stream"]) for row in rows]


def release(transaction: Transaction, seq: int, streams: Iterable[bytes]) -> None:
    """Note that a submission cannot change `streams`, though it names them: nothing there waits for it."""
    rows = [(stream, seq) for stream in streams]
    transaction.executemany("UPDATE members SET tagged = 2 WHERE stream = ? AND seq = ?", rows)


def bind(transaction: Transaction, stream: bytes, seq: int) -> None:
    """Take that back for submissions after `seq`, before which `stream` may come out otherwise now."""
    transaction.execute("UPDATE members SET tagged = 1 WHERE stream = ? AND seq > ? AND tagged = 2", (stream, seq))


def elsewhere(reader: Transaction, held: frozenset[bytes] | None) -> list[Entry]:
    """Submissions that were left aside when they came, and whose streams are all `held`."""
    streams: dict[int, set[bytes]] = {}
    sql = "SELECT seq, stream FROM members WHERE tagged = 1 AND seq IN (SELECT seq FROM submissions WHERE state = 2)"
    for seq, stream in reader.execute(sql):
        streams.setdefault(seq, set()).add(bytes(stream))
    found = (entry(reader, seq) for seq in sorted(streams) if held is None or held.issuperset(streams[seq]))
    return [each for each in found if each is not None]


def decided_as(reader: Transaction, result: str) -> list[Entry]:
    """Submissions with this result."""
    rows = reader.execute("SELECT * FROM submissions WHERE result = ? ORDER BY seq", (result,)).fetchall()
    return [_entry(reader, row) for row in rows]


def wants(reader: Transaction, root: bytes, size: int) -> bool:
    """Whether the file of some submission may be needed again."""
    sql = "SELECT 1 FROM submissions WHERE root = ? AND size = ? AND (state = 0 OR missing = 1 OR provisional = 1)"
    return reader.execute(sql, (root, size)).fetchone() is not None


def note_reads(transaction: Transaction, seq: int, streams: Iterable[bytes]) -> None:
    """Remember streams that a submission reads, besides those it names."""
    rows = [(stream, seq) for stream in streams]
    transaction.executemany("INSERT OR IGNORE INTO members VALUES (?, ?, 0, 1)", rows)


def decide(transaction: Transaction, seq: int, verdict: Verdict, provisional: bool) -> None:
    """Note what became of a submission."""
    transaction.execute(
        "UPDATE submissions SET state = ?, result = ?, reason = ?, missing = ?, provisional = ? WHERE seq = ?",
        (DECIDED, verdict.result, verdict.reason or None, verdict.result == MISSING, provisional, seq),
    )
    transaction.execute("UPDATE members SET waiting = 0 WHERE seq = ?", (seq,))


def reopen(transaction: Transaction, seqs: Iterable[int]) -> None:
    """Make submissions wait again; what they read is found out anew."""
    rows = [(seq,) for seq in seqs]
    transaction.executemany(
        "UPDATE submissions SET state = 0, result = NULL, reason = NULL, missing = 0, provisional = 0 WHERE seq = ?",
        rows,
    )
    transaction.executemany("DELETE FROM members WHERE seq = ? AND tagged = 0", rows)
    transaction.executemany("UPDATE members SET waiting = 1 WHERE seq = ?", rows)


def _insert(transaction: Transaction, each: Submitted, streams: Sequence[bytes], state: int, now: float) -> None:
    submission = each.submission
    sender = bytes.fromhex(each.caller.removeprefix("0x"))
    fields = (each.seq, each.log.block_number, submission.data_root, submission.length, each.start, sender, now, state)
    transaction.execute(
        "INSERT INTO submissions (seq, block, root, size, start, sender, since, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        fields,
    )
    rows = [(stream, each.seq, ASIDE if state == ELSEWHERE else 1) for stream in streams]
    transaction.executemany("INSERT INTO members VALUES (?, ?, 1, ?)", rows)


def _entry(reader: Transaction, row: Row) -> Entry:
    named = reader.execute("SELECT stream FROM members WHERE seq = ? AND tagged > 0", (row["seq"],)).fetchall()
    return Entry(
        seq=row["seq"],
        block=row["block"],
        root=bytes(row["root"]),
        size=row["size"],
        start=row["start"],
        sender=bytes(row["sender"]),
        since=row["since"],
        state=row["state"],
        result=row["result"],
        reason=row["reason"],
        missing=bool(row["missing"]),
        provisional=bool(row["provisional"]),
        streams=tuple(bytes(each["stream"]) for each in named),
    )
