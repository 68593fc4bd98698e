"""What one submission does to streams: put and delete values, grant and take rights. All of it happens, or nothing."""

from __future__ import annotations

import re
import secrets
from typing import Self

from offchain.errors import Invalid
from offchain.protocol.kv import stream_data, tags
from offchain.protocol.kv.stream_data import UNCHECKED, Control, Kind, Read, StreamData, Write


class Batch:
    """Collects changes, in any number of streams; the last put or delete of a key counts."""

    def __init__(self) -> None:
        """Empty."""
        self._writes: dict[tuple[bytes, bytes], bytes] = {}
        self._controls: list[Control] = []

    def put(self, stream: bytes, key: bytes, value: bytes) -> Self:
        """`key` gets `value`; Invalid for an empty one, which would delete it."""
        if not value:
            raise Invalid("an empty value deletes its key: delete it instead")
        return self._write(stream, key, value)

    def delete(self, stream: bytes, key: bytes) -> Self:
        """`key` has no value any more."""
        return self._write(stream, key, b"")

    def grant_admin(self, stream: bytes, account: str) -> Self:
        """`account` may write every key, and change rights, from the next submission on."""
        return self._control(Kind.GRANT_ADMIN, stream, account=account)

    def renounce_admin(self, stream: bytes) -> Self:
        """The sender is no administrator any more."""
        return self._control(Kind.RENOUNCE_ADMIN, stream)

    def grant(self, stream: bytes, account: str, key: bytes | None = None) -> Self:
        """`account` may write normal keys, or the special `key`."""
        return self._for_account(Kind.GRANT_WRITER, Kind.GRANT_SPECIAL_WRITER, stream, account, key)

    def revoke(self, stream: bytes, account: str, key: bytes | None = None) -> Self:
        """`account` may no longer write normal keys, or the special `key`."""
        return self._for_account(Kind.REVOKE_WRITER, Kind.REVOKE_SPECIAL_WRITER, stream, account, key)

    def renounce(self, stream: bytes, key: bytes | None = None) -> Self:
        """The sender may no longer write normal keys, or the special `key`."""
        if key is None:
            return self._control(Kind.RENOUNCE_WRITER, stream)
        return self._control(Kind.RENOUNCE_SPECIAL_WRITER, stream, key)

    def make_special(self, stream: bytes, key: bytes) -> Self:
        """`key` is written only by administrators and by writers of this key."""
        return self._control(Kind.SET_KEY_SPECIAL, stream, key)

    def make_normal(self, stream: bytes, key: bytes) -> Self:
        """`key` is written by all writers of the stream."""
        return self._control(Kind.SET_KEY_NORMAL, stream, key)

    def written(self, stream: bytes, key: bytes) -> bytes | None:
        """What this batch puts at `key`, nothing for a deletion; None when it leaves the key alone."""
        return self._writes.get((stream, key))

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not self._writes and not self._controls

    def data(self, version: int = UNCHECKED, reads: tuple[Read, ...] = ()) -> StreamData:
        """The transaction: nothing in `reads` and nothing written may be newer than `version`.

        Invalid for a batch that changes nothing, or too much for one submission.
        """
        if self.is_empty:
            raise Invalid("this batch changes nothing: put, delete or grant something")
        writes = tuple(Write(stream, key, value) for (stream, key), value in self._writes.items())
        data = StreamData(version, reads, writes, tuple(self._controls))
        stream_data.encode(data)
        tags.encode(data.streams)
        return data

    def _for_account(self, normal: Kind, special: Kind, stream: bytes, account: str, key: bytes | None) -> Self:
        if key is None:
            return self._control(normal, stream, account=account)
        return self._control(special, stream, key, account)

    def _write(self, stream: bytes, key: bytes, value: bytes) -> Self:
        self._writes.pop((stream, key), None)
        self._writes[stream, key] = value
        return self

    def _control(self, kind: Kind, stream: bytes, key: bytes = b"", account: str | None = None) -> Self:
        self._controls.append(Control(kind, stream, key, b"" if account is None else account_bytes(account)))
        return self


def account_bytes(account: str) -> bytes:
    """20 bytes of an address; Invalid for anything else."""
    if not re.fullmatch("0x[0-9a-fA-F]{40}", account):
        raise Invalid(f"{account!r} is no address: it is 0x and 40 hexadecimal digits")
    return bytes.fromhex(account[2:])


def new_stream() -> bytes:
    """The id of a stream that nobody has: whoever writes to it first is its administrator."""
    return secrets.token_bytes(tags.ID_BYTES)
