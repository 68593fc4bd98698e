"""Optimistic transactions: read one moment, write, and take effect only if nothing that was read changed since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from offchain.errors import Busy, Refused, Retryable
from offchain.protocol.kv.replay import COMMIT, CONFLICT
from offchain.protocol.kv.stream_data import UNCHECKED, Read, StreamData
from offchain.storage.kv.client.batch import Batch
from offchain.storage.kv.client.evidence import NEVER, Value


class Conflict(Retryable):
    """Something that a transaction read or wrote was written by somebody else since: begin it again."""


class NotCommitted(Refused):
    """A submission took no effect, and would not if it were sent again: a right is missing, or it is malformed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a submission: `result` in the public words, `reason` in those of the server that was asked.

    A `provisional` one could still change, if the file of an earlier submission came that nodes do not have.
    """

    seq: int
    transaction_hash: str
    result: str
    reason: str | None = None
    provisional: bool = False

    @property
    def state(self) -> str:
        """`committed`, `conflict` or `refused`."""
        return {COMMIT: "committed", CONFLICT: "conflict"}.get(self.result, "refused")

    @property
    def committed(self) -> bool:
        """Whether it took effect."""
        return self.state == "committed"

    def check(self) -> Outcome:
        """Itself; raises Conflict or NotCommitted unless it took effect."""
        if self.committed:
            return self
        said = f"submission {self.seq} took no effect: {self.result}" + (f" ({self.reason})" if self.reason else "")
        raise Conflict(said) if self.state == "conflict" else NotCommitted(said)


Look = Callable[[bytes, bytes, int | None], Value]
"""What a key holds after a sequence number, now for None; with evidence."""

Commit = Callable[[StreamData], Outcome]


class Transaction(Batch):
    """A batch that also reads. Everything it reads is of one moment, that of the first read.

    Reading a stream that is not written makes the outcome depend on it: servers that do not hold it will not commit.
    """

    def __init__(self, look: Look, commit: Commit) -> None:
        """Made by `KvClient.begin`."""
        super().__init__()
        self._look = look
        self._commit = commit
        self._reads: dict[tuple[bytes, bytes], Read] = {}
        self.version: int | None = None
        """The sequence number after which everything is read; None before anything was."""

    def get(self, stream: bytes, key: bytes) -> bytes | None:
        """What `key` holds, this transaction's own writes included; None when it has no value.

        Raises Busy on a flow that nothing was ever submitted to: its first submission cannot conflict with anything.
        """
        written = self.written(stream, key)
        if written is None:
            written = self._read(stream, key).data
        return written or None

    def commit(self) -> Outcome | None:
        """Send it and wait for its outcome; None when it changes nothing, so that there is nothing to send."""
        return None if self.is_empty else self._commit(self.data())

    def data(self, version: int | None = None, reads: tuple[Read, ...] = ()) -> StreamData:
        """The transaction as it is sent; without reads it is an ordinary batch."""
        declared = UNCHECKED if self.version is None else self.version
        # What is written is compared anyway.
        read = [each for place, each in self._reads.items() if self.written(*place) is None]
        return super().data(declared if version is None else version, (*read, *reads))

    def _read(self, stream: bytes, key: bytes) -> Value:
        value = self._look(stream, key, self.version)
        if self.version is None:
            seq = NEVER if value.evidence is None else value.evidence.seq
            if seq == NEVER:
                raise Busy("nothing was submitted to this flow yet: put something without a transaction first")
            self.version = seq
        self._reads[stream, key] = Read(stream, key)
        return value
