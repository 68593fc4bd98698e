"""Changes of streams, one by one and in order, as they become visible."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from offchain.errors import Untrusted
from offchain.protocol.kv import rights, stream_data
from offchain.protocol.kv.replay import SHOWN_KEY
from offchain.protocol.kv.state_tree import EMPTY
from offchain.protocol.kv.stream_data import Control
from offchain.storage.client.patience import Sleep
from offchain.storage.kv.client.evidence import NEVER, Behind, Moment, Value
from offchain.storage.kv.client.panel import Panel
from offchain.storage.kv.client.reader import Reader
from offchain.storage.kv.client.server import Decision, KvServer

POLL_SECONDS = 0.1

Content = Callable[[bytes, int], bytes]
"""The stream data in the file with a root, of a submission: downloaded, verified, decrypted."""


@dataclass(frozen=True, slots=True)
class Change:
    """Submission `seq` gave `key` a value or took it away, or changed a right by `control`, the last one about it."""

    seq: int
    key: bytes = b""
    value: Value | None = None
    control: Control | None = None


class Watcher:
    """Follows streams of a panel."""

    def __init__(self, panel: Panel, reader: Reader, poll: float = POLL_SECONDS, sleep: Sleep = time.sleep) -> None:
        """`poll` in seconds between looks."""
        self._panel = panel
        self._reader = reader
        self._poll = poll
        self._sleep = sleep

    def key(self, stream: bytes, key: bytes, since: int | None = None) -> Iterator[Change]:
        """Every version of `key` after sequence number `since`, after now by default; for ever."""
        last = self._reader.moment(stream).seq if since is None else since
        while True:
            value = self._reader.get(stream, key)
            seen = NEVER if value.evidence is None else value.evidence.seq
            for seq, found in reversed(list(self._versions(stream, key, value, last))):
                yield Change(seq, key, found)
            last = max(last, seen)
            self._sleep(self._poll)

    def stream(self, stream: bytes, content: Content, since: int | None = None) -> Iterator[Change]:
        """Every change of `stream` after sequence number `since`, after now by default; for ever.

        The files of submissions, from `content`, tell what they are about; the state proves what holds afterwards, and
        since when. Untrusted when they contradict each other.
        """
        last = Moment(stream, NEVER, EMPTY) if since == NEVER else self._reader.moment(stream, since)
        while True:
            moment = self._reader.moment(stream)
            if moment.seq > last.seq:
                for seq in self._committed(last, moment):
                    yield from self._changes(stream, seq, content)
                last = moment
            self._sleep(self._poll)

    def _versions(self, stream: bytes, key: bytes, value: Value, last: int) -> Iterator[tuple[int, Value]]:
        """Versions after `last`, the newest first."""
        while value.version is not None and value.version > last:
            yield value.version, value
            if not value.version:
                return
            value = self._reader.get(stream, key, value.version - 1)

    def _committed(self, before: Moment, after: Moment) -> Iterator[int]:
        """Submissions after one moment up to another that changed the stream: each of them changes its root."""
        if before.root == after.root:
            return
        if after.seq == before.seq + 1:
            yield after.seq
            return
        middle = self._reader.moment(after.stream, (before.seq + after.seq) // 2)
        yield from self._committed(before, middle)
        yield from self._committed(middle, after)

    def _changes(self, stream: bytes, seq: int, content: Content) -> Iterator[Change]:
        decision = self._panel.agreed(lambda server: _decided(server, seq))
        if not decision.committed or decision.root is None:
            return  # a missing file came, and what had been decided after it was decided anew
        data = stream_data.decode(content(decision.root, seq))
        written = dict.fromkeys(write.key for write in data.writes if write.stream == stream)
        for key in written:
            value = self._reader.get(stream, key, seq)
            if value.version != seq:
                raise Untrusted(
                    f"the file named for submission {seq} writes key 0x{key[:SHOWN_KEY].hex()}, which it did not"
                )
            yield Change(seq, key, value)
        controls = [control for control in data.controls if control.stream == stream]
        for change in rights.changes(decision.sender, (), controls):
            if self._is_proven(change, seq):
                yield Change(seq, change.right.key, control=_control(change))

    def _is_proven(self, change: rights.Change, seq: int) -> bool:
        """Whether `seq` made `change`: who renounces what they do not have changes nothing, all else is Untrusted."""
        if self._reader.right_since(change.right, seq) == (seq, change.granted):
            return True
        if not change.renounced:
            name = rights.PUBLIC_NAMES[change.kind]
            raise Untrusted(f"the file named for submission {seq} contains {name}, which did not happen")
        return False


def _control(change: rights.Change) -> Control:
    right = change.right
    return Control(change.kind, right.stream, right.key, right.account if change.kind.has_account else b"")


def _decided(server: KvServer, seq: int) -> Decision:
    decision = server.decision(seq)
    if decision is None:
        raise Behind(f"{server.url} has not decided submission {seq}")
    return decision
