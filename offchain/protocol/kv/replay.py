"""What a submission does to the state: the one rule that every server follows, and the words for its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from offchain.protocol.kv import stream_data
from offchain.protocol.kv.rights import (
    PUBLIC_NAMES,
    Change,
    Rights,
    changes,
    is_idle,
    may_change,
    may_write,
    may_write_something,
)
from offchain.protocol.kv.stream_data import Malformed, StreamData, TooLong, Write

MAX_DATA_BYTES = 1 << 26
"""Files above this are no stream data, whatever is in them."""

COMMIT = "Commit"
CONFLICT = "VersionConfliction"
WRONG_TAGS = "TagsMismatch"
NO_PERMISSION = "SenderNoWritePermission"
INVALID_DATA = "DataParseError: Invalid stream data"
LIST_TOO_LONG = "DataParseError: Stream read/write/access_control list too long"
MISSING = "DownloadFailed"

SHOWN_KEY = 32
NOT_HELD = "is read and not held here"


class Before(Rights, Protocol):
    """The state that a transaction finds: that of everything before it."""

    def version(self, stream: bytes, key: bytes) -> int:
        """Sequence number that last wrote `key`, 0 when none did."""

    def is_held(self, stream: bytes) -> bool:
        """Whether `stream` is known here at all."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a transaction: `result` in the public words, `reason` in ours; what to do if it is committed."""

    result: str
    reason: str = ""
    writes: tuple[Write, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def committed(self) -> bool:
        """Whether it takes effect."""
        return self.result == COMMIT


def without_data(before: Before, sender: bytes, streams: Sequence[bytes], size: int) -> Verdict | None:
    """The verdict about a submission of `size` bytes where it can be known without its file."""
    if not any(may_write_something(before, stream, sender) for stream in streams):
        return Verdict(NO_PERMISSION, "the sender may write in none of the streams")
    if size > MAX_DATA_BYTES:
        return Verdict(INVALID_DATA, f"{size} bytes are more than stream data may have, {MAX_DATA_BYTES}")
    return None


def parse(data: bytes) -> StreamData | Verdict:
    """The transaction in a file, or the verdict that there is none."""
    try:
        return stream_data.decode(data)
    except TooLong as error:
        return Verdict(LIST_TOO_LONG, str(error))
    except Malformed as error:
        return Verdict(INVALID_DATA, str(error))


def judge(before: Before, sender: bytes, streams: Sequence[bytes], data: StreamData) -> Verdict:
    """What becomes of `data`, sent by `sender` to `streams`; `without_data` has nothing against it."""
    founded = [stream for stream in streams if before.is_new(stream)]
    writes = tuple({(write.stream, write.key): write for write in data.writes}.values())
    made = changes(sender, founded, data.controls)
    refusal = (
        _against_reads(before, data)
        or _against_writes(before, sender, streams, writes, data.version)
        or _against_changes(before, sender, streams, made)
    )
    # A stranger's renunciation must not leave a trace: with leaves of its own it would change the stream's root.
    return refusal or Verdict(COMMIT, writes=writes, changes=tuple(each for each in made if not is_idle(before, each)))


def _against_reads(before: Before, data: StreamData) -> Verdict | None:
    for read in data.reads:
        if not before.is_held(read.stream):
            return Verdict(WRONG_TAGS, not_held(read.stream))
        if (newest := before.version(read.stream, read.key)) > data.version:
            return Verdict(CONFLICT, _newer(read.stream, read.key, newest, data.version))
    return None


def _against_writes(
    before: Before, sender: bytes, streams: Sequence[bytes], writes: Sequence[Write], version: int
) -> Verdict | None:
    for write in writes:
        if write.stream not in streams:
            return Verdict(WRONG_TAGS, f"stream {_hex(write.stream)} is written and not among the tags")
        if (newest := before.version(write.stream, write.key)) > version:
            return Verdict(CONFLICT, _newer(write.stream, write.key, newest, version))
        if not may_write(before, write.stream, write.key, sender):
            result = f"WritePermissionDenied: stream: {_hex(write.stream)}, key: {shown_key(write.key)}"
            return Verdict(result, f"{_hex(sender)} may not write key 0x{write.key[:SHOWN_KEY].hex()}")
    return None


def _against_changes(before: Before, sender: bytes, streams: Sequence[bytes], made: Sequence[Change]) -> Verdict | None:
    for change in made:
        right, name = change.right, PUBLIC_NAMES[change.kind]
        if right.stream not in streams:
            return Verdict(WRONG_TAGS, f"{name} in stream {_hex(right.stream)}, which is not among the tags")
        if not may_change(before, change, sender):
            result = (
                f"AccessControlPermissionDenied: operation: {name}, stream: {_hex(right.stream)}, "
                f"key: {shown_key(right.key)}, account: {_hex(right.account)}"
            )
            return Verdict(result, f"{_hex(sender)} may not do {name}")
    return None


def not_held(stream: bytes) -> str:
    """The reason of a transaction that reads `stream`, where that is not held."""
    return f"stream {_hex(stream)} {NOT_HELD}"


def shown_key(key: bytes) -> str:
    """A key as results show it: the first characters if it is text."""
    if not key:
        return "NONE"
    try:
        return key.decode()[:SHOWN_KEY]
    except UnicodeDecodeError:
        return "UNKNOWN"


def _newer(stream: bytes, key: bytes, newest: int, declared: int) -> str:
    return f"key 0x{key[:SHOWN_KEY].hex()} of stream {_hex(stream)} has version {newest}, newer than {declared}"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
