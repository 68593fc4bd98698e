"""Stream data: the file of a submission that reads and writes keys, and grants and revokes rights.

All integers big-endian: version (u64) | reads (u32), each stream (32), key length (u24), key | writes (u32), each
stream, key length, key, value length (u64) | all values back to back | controls (u32), each kind (u8), stream,
[key length, key], [account (20)]. Nothing follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from offchain.errors import Invalid
from offchain.protocol.kv.tags import ID_BYTES

UNCHECKED = (1 << 64) - 1
"""Version that conflicts with nothing."""

ENCRYPTED = (b"\1", b"\2")
"""First bytes of encrypted files in the public formats. No sequence number is so large that it begins so."""

MAX_ENTRIES = 1 << 16
MAX_KEY_BYTES = (1 << 24) - 1
ACCOUNT_BYTES = 20


class Malformed(Invalid):
    """The bytes are no stream data."""


class TooLong(Malformed):
    """A list has more than `MAX_ENTRIES` entries."""


class Kind(IntEnum):
    """What a control does; kinds with the same upper four bits replace each other."""

    GRANT_ADMIN = 0x00
    RENOUNCE_ADMIN = 0x01
    SET_KEY_SPECIAL = 0x10
    SET_KEY_NORMAL = 0x11
    GRANT_WRITER = 0x20
    REVOKE_WRITER = 0x21
    RENOUNCE_WRITER = 0x22
    GRANT_SPECIAL_WRITER = 0x30
    REVOKE_SPECIAL_WRITER = 0x31
    RENOUNCE_SPECIAL_WRITER = 0x32

    @property
    def has_key(self) -> bool:
        """Whether it is about one key."""
        return self & 0x10 != 0

    @property
    def has_account(self) -> bool:
        """Whether it names an account; all others are about the sender, or about nobody."""
        return self in _WITH_ACCOUNT


_WITH_ACCOUNT = frozenset(
    (
        Kind.GRANT_ADMIN,
        Kind.GRANT_WRITER,
        Kind.REVOKE_WRITER,
        Kind.GRANT_SPECIAL_WRITER,
        Kind.REVOKE_SPECIAL_WRITER,
    )
)


@dataclass(frozen=True, slots=True)
class Read:
    """A key that must not be newer than the declared version."""

    stream: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Write:
    """A new value of a key; an empty one deletes it."""

    stream: bytes
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Control:
    """A change of rights; `key` and `account` are empty where the kind has none."""

    kind: Kind
    stream: bytes
    key: bytes = b""
    account: bytes = b""


@dataclass(frozen=True, slots=True)
class StreamData:
    """One transaction: keys read and written must not be newer than `version`, a sequence number."""

    version: int = UNCHECKED
    reads: tuple[Read, ...] = ()
    writes: tuple[Write, ...] = ()
    controls: tuple[Control, ...] = ()

    @property
    def streams(self) -> tuple[bytes, ...]:
        """Streams that the tags must name: those written or controlled, in order."""
        written = [write.stream for write in self.writes]
        return tuple(dict.fromkeys(written + [control.stream for control in self.controls]))


def encode(data: StreamData) -> bytes:
    """The bytes of `data`; Malformed where something has no form."""
    if not 0 <= data.version <= UNCHECKED:
        raise Malformed(f"a version is from 0 to {UNCHECKED}, not {data.version}")
    parts = [_plain(data.version.to_bytes(8, "big")), _count("reads", len(data.reads))]
    parts += [_stream(read.stream) + _key(read.key) for read in data.reads]
    parts.append(_count("writes", len(data.writes)))
    parts += [_stream(write.stream) + _key(write.key) + len(write.value).to_bytes(8, "big") for write in data.writes]
    parts += [write.value for write in data.writes]
    parts.append(_count("controls", len(data.controls)))
    parts += [_control(control) for control in data.controls]
    return b"".join(parts)


def decode(data: bytes) -> StreamData:
    """What `data` says; Malformed with what is wrong and at which byte, TooLong for lists beyond the limit.

    What begins as encrypted files do is none, with a key or without: servers with a key would have another state.
    """
    reader = _Reader(_plain(data))
    version = reader.number(8, "the version")
    reads = tuple(_read(reader) for _ in range(reader.count("reads")))
    heads = [_write_head(reader) for _ in range(reader.count("writes"))]
    writes = tuple(Write(stream, key, reader.take(size, "a value")) for stream, key, size in heads)
    controls = tuple(_read_control(reader) for _ in range(reader.count("controls")))
    reader.end()
    return StreamData(version, reads, writes, controls)


class _Reader:
    """Bytes from left to right."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int, what: str) -> bytes:
        left = len(self._data) - self._at
        if size > left:
            raise Malformed(f"{what} of {size} bytes at byte {self._at} is cut off: {left} bytes are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int, what: str) -> int:
        return int.from_bytes(self.take(size, what), "big")

    def count(self, what: str) -> int:
        entries = self.number(4, f"the number of {what}")
        if entries > MAX_ENTRIES:
            raise TooLong(f"{entries} {what} are more than {MAX_ENTRIES}")
        return entries

    def key(self) -> bytes:
        size = self.number(3, "the length of a key")
        if not size:
            raise Malformed(f"the key at byte {self._at} is empty")
        return self.take(size, "a key")

    def kind(self) -> Kind:
        value = self.number(1, "the kind of a control")
        try:
            return Kind(value)
        except ValueError as error:
            raise Malformed(f"byte {self._at - 1} names no kind of control: 0x{value:02x}") from error

    def end(self) -> None:
        if self._at != len(self._data):
            raise Malformed(f"{len(self._data) - self._at} bytes follow the end at byte {self._at}")


def _read(reader: _Reader) -> Read:
    return Read(reader.take(ID_BYTES, "a stream id"), reader.key())


def _write_head(reader: _Reader) -> tuple[bytes, bytes, int]:
    return reader.take(ID_BYTES, "a stream id"), reader.key(), reader.number(8, "the length of a value")


def _read_control(reader: _Reader) -> Control:
    kind, stream = reader.kind(), reader.take(ID_BYTES, "a stream id")
    key = reader.key() if kind.has_key else b""
    return Control(kind, stream, key, reader.take(ACCOUNT_BYTES, "an account") if kind.has_account else b"")


def _count(what: str, entries: int) -> bytes:
    if entries > MAX_ENTRIES:
        raise TooLong(f"{entries} {what} are more than {MAX_ENTRIES}")
    return entries.to_bytes(4, "big")


def _plain(data: bytes) -> bytes:
    if data.startswith(ENCRYPTED):
        raise Malformed(f"a version does not begin with 0x{data[:1].hex()}: encrypted files do")
    return data


def _stream(stream: bytes) -> bytes:
    if len(stream) != ID_BYTES:
        raise Malformed(f"a stream id has {ID_BYTES} bytes, not {len(stream)}")
    return stream


def _key(key: bytes) -> bytes:
    if not 1 <= len(key) <= MAX_KEY_BYTES:
        raise Malformed(f"a key has 1 to {MAX_KEY_BYTES} bytes, not {len(key)}")
    return len(key).to_bytes(3, "big") + key


def _control(control: Control) -> bytes:
    kind = control.kind
    if not kind.has_key and control.key:
        raise Malformed(f"{kind.name} has no key")
    if len(control.account) != (ACCOUNT_BYTES if kind.has_account else 0):
        wanted = f"an account of {ACCOUNT_BYTES} bytes" if kind.has_account else "no account"
        raise Malformed(f"{kind.name} has {wanted}, not {len(control.account)} bytes")
    return bytes([kind]) + _stream(control.stream) + (_key(control.key) if kind.has_key else b"") + control.account
