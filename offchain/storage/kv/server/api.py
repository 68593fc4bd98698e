"""The public JSON-RPC methods `kv_*` (docs/spec/kv.md)."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from offchain.net.jsonrpc import INVALID_PARAMS, RpcError
from offchain.net.parameters import U64, Base64, Flag, Hash
from offchain.protocol.kv.rights import Right, Role, may_write
from offchain.runtime.threads import Lane
from offchain.storage.kv.server import ledger, state, values
from offchain.storage.kv.server.facts import FactsAt
from offchain.storage.kv.server.ledger import END, Ledger
from offchain.storage.kv.server.replay import Replay
from offchain.storage.kv.server.values import Value
from offchain.storage.kv.wire import MAX_QUERY_BYTES
from offchain.storage.wire import to_hex
from offchain.store.database import Database, Transaction

PAST_SEARCHES, MAX_WAITING = 2, 64
"""Searches of the past at once, which may have to read a whole stream, and those that wait for them."""

Method = Callable[..., Awaitable[Any]]

MAX_NAMED = 8
"""Streams that an error names."""

MAX_LISTED = 10_000
"""Streams that one answer lists: everybody may found more."""


def _account(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-fA-F]{40}", value):
        raise ValueError("expected a 0x-prefixed hex string of 20 bytes")
    return bytes.fromhex(value[2:])


def _seq(value: Any) -> Any:
    # One public client sends numbers as text.
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,20}", value) else value


Account = Annotated[bytes, BeforeValidator(_account)]
"""20 bytes as 0x-prefixed hex."""

Seq = Annotated[int, BeforeValidator(_seq), Field(strict=True, ge=0, lt=1 << 64)]
"""A sequence number, as a JSON number or as text."""


@contextmanager
def reading(database: Database, replay: Replay, stream: bytes) -> Iterator[Transaction]:
    """A snapshot with all of `stream`; RpcError where it is not held, for it would look as if it were empty."""
    if not replay.tells(stream):
        raise RpcError(
            INVALID_PARAMS,
            "Invalid params: stream_id",
            f"stream {to_hex(stream)} is not held by this server, which holds {_named(replay.told or ())}",
        )
    with database.snapshot() as reader:
        yield reader


class KvApi:
    """Answers from the database: the state as of its last commit, or as a version left it."""

    def __init__(self, database: Database, book: Ledger, replay: Replay) -> None:
        """Short reads run on the caller's thread: a point query takes less than a change of threads."""
        self._database = database
        self._book = book
        self._replay = replay
        self._past = Lane("searches of the past", PAST_SEARCHES, MAX_WAITING)

    @property
    def methods(self) -> Mapping[str, Method]:
        """Methods by name."""
        return {
            "kv_getStatus": self.get_status,
            "kv_getValue": self.get_value,
            "kv_getNext": self.get_next,
            "kv_getPrev": self.get_prev,
            "kv_getFirst": self.get_first,
            "kv_getLast": self.get_last,
            "kv_getTransactionResult": self.get_transaction_result,
            "kv_getHoldingStreamIds": self.get_holding_stream_ids,
            "kv_getReplayProgress": self.get_replay_progress,
            "kv_hasWritePermission": self.has_write_permission,
            "kv_isAdmin": self.is_admin,
            "kv_IsAdmin": self.is_admin,  # as public clients spell it
            "kv_isSpecialKey": self.is_special_key,
            "kv_isWriterOfKey": self.is_writer_of_key,
            "kv_isWriterOfStream": self.is_writer_of_stream,
        }

    async def get_status(self) -> bool:
        """Whether the server answers."""
        return True

    async def get_value(
        self, stream_id: Hash, key: Base64, start_index: U64, length: U64, version: U64 | None = None
    ) -> dict[str, Any]:
        """`length` bytes of a key's value from `start_index`; version and size are 0 for a key never written."""
        _check(length, key)
        with self._reading(stream_id) as reader:
            value = values.find(reader, stream_id, key, _clamped(version))
            if value is None:
                return {"version": 0, "data": "", "size": 0}
            return _shown(reader, value, start_index, length)

    async def get_next(
        self,
        stream_id: Hash,
        key: Base64,
        start_index: U64,
        length: U64,
        inclusive: Flag = False,
        version: U64 | None = None,
    ) -> dict[str, Any] | None:
        """The first key with a value after `key`, or at it if `inclusive`."""
        _check(length, key)
        return await self._neighbour(stream_id, key, start_index, length, True, inclusive, version)

    async def get_prev(
        self,
        stream_id: Hash,
        key: Base64,
        start_index: U64,
        length: U64,
        inclusive: Flag = False,
        version: U64 | None = None,
    ) -> dict[str, Any] | None:
        """The last key with a value before `key`, or at it if `inclusive`."""
        _check(length, key)
        return await self._neighbour(stream_id, key, start_index, length, False, inclusive, version)

    async def get_first(
        self, stream_id: Hash, start_index: U64, length: U64, version: U64 | None = None
    ) -> dict[str, Any] | None:
        """The first key with a value."""
        _check(length)
        return await self._neighbour(stream_id, None, start_index, length, True, False, version)

    async def get_last(
        self, stream_id: Hash, start_index: U64, length: U64, version: U64 | None = None
    ) -> dict[str, Any] | None:
        """The last key with a value."""
        _check(length)
        return await self._neighbour(stream_id, None, start_index, length, False, False, version)

    async def get_transaction_result(self, tx_seq: Seq) -> str | None:
        """What became of a submission; None while that is open, or where it belongs to no stream that is held."""
        entry = self._book.entry(tx_seq)
        return None if entry is None else entry.result

    async def get_holding_stream_ids(self) -> list[str]:
        """Streams that are held; where all are, some of those that anything was committed to."""
        if self._replay.told is not None:
            return [to_hex(stream) for stream in sorted(self._replay.told)]
        with self._database.snapshot() as reader:
            return [to_hex(stream) for stream in state.known(reader, MAX_LISTED)]

    async def get_replay_progress(self) -> dict[str, int | None]:
        """`appliedSeq` counts the submissions before the first that is not decided; nothing before them is left out."""
        with self._database.snapshot() as reader:
            return {"appliedSeq": ledger.applied(reader), "firstTxSeq": None}

    async def has_write_permission(
        self, account: Account, stream_id: Hash, key: Base64, version: U64 | None = None
    ) -> bool:
        """Whether `account` may write `key`."""
        _check(0, key)
        with self._reading(stream_id) as reader:
            return may_write(FactsAt(reader, _clamped(version)), stream_id, key, account)

    async def is_admin(self, account: Account, stream_id: Hash, version: U64 | None = None) -> bool:
        """Whether `account` administrates a stream."""
        return self._holds(Right(stream_id, Role.ADMIN, account=account), version)

    async def is_special_key(self, stream_id: Hash, key: Base64, version: U64 | None = None) -> bool:
        """Whether `key` has writers of its own."""
        _check(0, key)
        return self._holds(Right(stream_id, Role.SPECIAL_KEY, key), version)

    async def is_writer_of_key(
        self, account: Account, stream_id: Hash, key: Base64, version: U64 | None = None
    ) -> bool:
        """Whether `account` is a writer of a special key."""
        _check(0, key)
        return self._holds(Right(stream_id, Role.SPECIAL_WRITER, key, account), version)

    async def is_writer_of_stream(self, account: Account, stream_id: Hash, version: U64 | None = None) -> bool:
        """Whether `account` is a writer of the normal keys of a stream."""
        return self._holds(Right(stream_id, Role.WRITER, account=account), version)

    def _reading(self, stream: bytes) -> AbstractContextManager[Transaction]:
        return reading(self._database, self._replay, stream)

    def _holds(self, right: Right, version: int | None) -> bool:
        with self._reading(right.stream) as reader:
            return FactsAt(reader, _clamped(version)).holds(right)

    async def _neighbour(
        self,
        stream: bytes,
        key: bytes | None,
        start: int,
        length: int,
        forward: bool,
        inclusive: bool,
        version: int | None,
    ) -> dict[str, Any] | None:
        def found() -> dict[str, Any] | None:
            at = None if version is None else _clamped(version)
            with self._reading(stream) as reader:
                value = values.neighbour(reader, stream, key, at, forward, inclusive)
                return None if value is None else _shown(reader, value, start, length, with_key=True)

        # In the past, keys that were deleted have to be passed over one by one.
        return found() if version is None else await self._past.run(found)


def _check(length: int, key: bytes | None = None) -> None:
    if length > MAX_QUERY_BYTES:
        raise RpcError(INVALID_PARAMS, "Invalid params: len", "query length too large")
    if key == b"":
        raise RpcError(INVALID_PARAMS, "Invalid params: key", "key is empty")


def _named(streams: Collection[bytes]) -> str:
    named = [to_hex(stream) for stream in sorted(streams)[:MAX_NAMED]]
    more = len(streams) - len(named)
    return (", ".join(named) or "none yet") + (f" and {more} more" if more else "")


def _clamped(version: int | None) -> int:
    return END if version is None else min(version, END)


def _shown(reader: Transaction, value: Value, start: int, length: int, with_key: bool = False) -> dict[str, Any]:
    if length and start > value.size > 0:
        raise RpcError(INVALID_PARAMS, "Invalid params: start_index", "start index is greater than value length")
    data = base64.b64encode(values.read(reader, value, start, length)).decode()
    shown: dict[str, Any] = {"version": value.version, "data": data, "size": value.size}
    return {**shown, "key": base64.b64encode(value.key).decode()} if with_key else shown
