"""Decides submissions one by one: each stream in the order of the flow, whatever other streams wait for.

A submission is decided once everything before it in all its streams is, in one transaction with all that it changes.
In a stream where its sender has no right it can change nothing: what comes later there does not wait for it.
One whose file stays away is passed over after a time: from there on the state of its streams is provisional, and is
made anew from that place should the file come. So the state is a function of the chain and of the files that are
missing, and servers with the same files have the same state.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from offchain.protocol.kv import replay as protocol
from offchain.protocol.kv.replay import MISSING, WRONG_TAGS, Verdict
from offchain.protocol.kv.rights import may_write_something
from offchain.protocol.kv.stream_data import StreamData
from offchain.storage.kv.server import ledger, state
from offchain.storage.kv.server.files import Files
from offchain.storage.kv.server.ledger import DECIDED, WAITING, Entry
from offchain.storage.kv.server.state import StateAt
from offchain.store.database import Database, Transaction


class Outcome(Enum):
    """What an attempt to decide came to."""

    DECIDED = "decided"
    NEEDS_FILE = "its file is not here"
    BLOCKED = "something before it is not decided"
    GONE = "there is nothing to decide"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; `entry` unless there is none, `verdict` if it was decided, `then` may be decided now."""

    outcome: Outcome
    entry: Entry | None = None
    verdict: Verdict | None = None
    then: tuple[int, ...] = ()


class Replay:
    """The rule of the protocol, applied to a database."""

    def __init__(
        self,
        database: Database,
        files: Files,
        held: frozenset[bytes] | None,
        history: int,
        decrypt: Callable[[bytes], bytes | Verdict],
    ) -> None:
        """`held` are the streams that are kept, all of them for None; `history` as in `state.commit`.

        `decrypt` gives the stream data in a file, or the verdict that it cannot be read.
        """
        self._database = database
        self._files = files
        self.held = held
        """Streams whose submissions wait to be decided when they come."""
        self.told: frozenset[bytes] | None = frozenset()
        """Those of them to which nothing was left aside earlier: what is here of them is all there is."""
        self._history = history
        self._decrypt = decrypt
        self.hold(held)

    def attempt(self, seq: int, give_up: bool = False) -> Attempt:
        """Decide `seq` if that is possible now; with `give_up`, without its file."""
        with self._database.snapshot() as reader:
            entry = ledger.entry(reader, seq)
            if entry is None or entry.state != WAITING:
                return Attempt(Outcome.GONE, entry)
            before = StateAt(reader, seq - 1, self.held)
            idle = _idle(reader, before, entry)
            is_first = _is_first(reader, entry, entry.streams)
            verdict = self._early(before, entry) if is_first else None
        then = self._release(entry, idle) if idle else ()
        if not is_first:
            return Attempt(Outcome.BLOCKED, entry, then=then)
        parsed: StreamData | Verdict | None = verdict or self._parsed(entry)
        if parsed is None:
            if not give_up:
                return Attempt(Outcome.NEEDS_FILE, entry, then=then)
            parsed = Verdict(MISSING, "no storage node had its file in time")
        attempt = self._decide(entry, parsed)
        return replace(attempt, then=(*then, *attempt.then))

    def restore(self, seq: int) -> list[int]:
        """Undo what was decided without the file of `seq` or after it; returns what is to be decided anew."""
        with self._database.transaction() as transaction:
            entry = ledger.entry(transaction, seq)
            if entry is None or not entry.missing:
                return []
            return _reopen(transaction, [entry])

    def drop(self, entry: Entry) -> None:
        """Remove the file of a submission unless it may be needed again."""
        if not self._wants(entry.root, entry.size):
            self._files.drop(entry.root, entry.size)

    def sweep(self) -> None:
        """Remove all files that are not needed."""
        for root, size in self._files.all():
            if not self._wants(root, size):
                self._files.drop(root, size)

    def hold(self, held: frozenset[bytes] | None) -> list[int]:
        """Keep these streams from now on; returns what is to be decided because of that."""
        self.held = held  # first, so that nothing is left aside between this and what follows
        with self._database.transaction() as transaction:
            reopened = _reopen(transaction, [*ledger.elsewhere(transaction, held), *_blind(transaction, held)])
        self.told = held
        return reopened

    def tells(self, stream: bytes) -> bool:
        """Whether all that was submitted to `stream` is decided here, or waits."""
        return self.told is None or stream in self.told

    def _wants(self, root: bytes, size: int) -> bool:
        with self._database.snapshot() as reader:
            return ledger.wants(reader, root, size)

    def _early(self, before: StateAt, entry: Entry) -> Verdict | None:
        return protocol.without_data(before, entry.sender, entry.streams, entry.size)

    def _parsed(self, entry: Entry) -> StreamData | Verdict | None:
        data = self._files.get(entry.root, entry.size)
        if data is None:
            return None
        plain = self._decrypt(data)
        return plain if isinstance(plain, Verdict) else protocol.parse(plain)

    def _release(self, entry: Entry, idle: list[bytes]) -> tuple[int, ...]:
        """Let others go on in streams that `entry` cannot change; returns what may be decided now."""
        with self._database.transaction() as transaction:
            if ledger.entry(transaction, entry.seq) != entry:
                return ()  # the chain was reorganised since it was read
            ledger.release(transaction, entry.seq, idle)
            return tuple(_successors(transaction, entry.seq, idle))

    def _decide(self, entry: Entry, parsed: StreamData | Verdict) -> Attempt:
        seq = entry.seq
        reads = {read.stream for read in parsed.reads} if isinstance(parsed, StreamData) else set()
        with self._database.transaction() as transaction:
            # The chain may have been reorganised since the entry was read.
            if ledger.entry(transaction, seq) != entry or not _is_first(transaction, entry, entry.streams):
                return Attempt(Outcome.BLOCKED, entry)
            ledger.note_reads(transaction, seq, reads - set(entry.streams))
            if not _is_first(transaction, entry, reads):
                return Attempt(Outcome.BLOCKED, entry)
            if isinstance(parsed, Verdict):
                verdict = parsed
            else:
                before = StateAt(transaction, seq - 1, self.held)
                verdict = protocol.judge(before, entry.sender, entry.streams, parsed)
            then = self._apply(transaction, entry, verdict, reads)
        return Attempt(Outcome.DECIDED, entry, verdict, then)

    def _apply(
        self, transaction: Transaction, entry: Entry, verdict: Verdict, reads: Collection[bytes]
    ) -> tuple[int, ...]:
        seq, missing = entry.seq, verdict.result == MISSING
        touched = {*entry.streams, *reads}
        provisional = any(state.is_provisional(transaction, stream, seq) for stream in touched)
        if verdict.committed:
            state.commit(transaction, seq, verdict, self._history)
        if missing or provisional:
            state.set_provisional(transaction, ledger.bound(transaction, seq), seq)
        ledger.decide(transaction, seq, verdict, provisional)
        return tuple(sorted(set(_successors(transaction, seq, entry.streams))))


def roll_back(transaction: Transaction, block: int) -> int:
    """Undo everything above `block`; returns the first sequence number that is gone."""
    first, streams = ledger.forget(transaction, block)
    for stream in streams:
        state.undo(transaction, stream, first)
    return first


def _blind(reader: Transaction, held: frozenset[bytes] | None) -> list[Entry]:
    """Submissions that were refused only for a stream they read, and that is held now."""
    said = None if held is None else {protocol.not_held(stream) for stream in held}
    return [entry for entry in ledger.decided_as(reader, WRONG_TAGS) if _is_blind(entry, said)]


def _is_blind(entry: Entry, said: Collection[str] | None) -> bool:
    reason = entry.reason or ""
    return reason.endswith(protocol.NOT_HELD) if said is None else reason in said


def _is_first(reader: Transaction, entry: Entry, streams: Collection[bytes]) -> bool:
    return all(ledger.is_first(reader, stream, entry.seq) for stream in streams)


def _idle(reader: Transaction, before: StateAt, entry: Entry) -> list[bytes]:
    """Streams that `entry` names besides others and cannot change; those that are not decided up to it may be more."""
    if len(entry.streams) == 1:
        return []  # it is refused without its file
    found = (stream for stream in ledger.bound(reader, entry.seq) if ledger.is_first(reader, stream, entry.seq))
    return [stream for stream in found if not may_write_something(before, stream, entry.sender)]


def _successors(reader: Transaction, seq: int, streams: Iterable[bytes]) -> Iterator[int]:
    for stream in streams:
        yield from ledger.next_waiting(reader, stream, seq)


def _reopen(transaction: Transaction, entries: list[Entry]) -> list[int]:
    """Make `entries` wait, and everything decided later that could have come out otherwise because of them."""
    since: dict[bytes, int] = {}
    seqs: set[int] = set()
    later = [entry.seq for entry in entries]
    heapq.heapify(later)
    chosen = set(later)
    while later:
        seq = heapq.heappop(later)
        entry = ledger.entry(transaction, seq)
        if entry is None or seq in seqs or (entry.state != DECIDED and seq not in chosen):
            continue
        seqs.add(seq)
        for stream in ledger.bound(transaction, seq):
            if since.setdefault(stream, seq) == seq:
                for number in ledger.decided_after(transaction, stream, seq):
                    heapq.heappush(later, number)
    for stream, first in since.items():
        state.undo(transaction, stream, first)
        ledger.bind(transaction, stream, first)
    ledger.reopen(transaction, seqs)
    return sorted(seqs)
