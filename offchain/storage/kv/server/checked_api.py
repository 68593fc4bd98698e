"""Methods beyond the public RPC: answers that a reader can check, and how far each stream is (docs/spec/kv.md)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from offchain.net.jsonrpc import INVALID_PARAMS, RpcError
from offchain.net.parameters import U64, Base64, Hash
from offchain.protocol.kv.rights import NOBODY, Right, Role
from offchain.protocol.kv.state_tree import entry_path, right_path
from offchain.storage.kv.server import ledger, pages, state, values
from offchain.storage.kv.server.api import Account, Method, Seq, reading
from offchain.storage.kv.server.facts import FactsAt
from offchain.storage.kv.server.ledger import ELSEWHERE, Entry
from offchain.storage.kv.server.replay import Replay
from offchain.storage.kv.wire import MAX_QUERY_BYTES, proof_to_json
from offchain.storage.wire import to_hex
from offchain.store.database import Database, Transaction

MAX_LISTED = 100
"""Submissions that one answer lists."""


class CheckedApi:
    """Answers from the database, each about one moment of it."""

    def __init__(
        self,
        database: Database,
        replay: Replay,
        identity: tuple[int, str],
        head: Callable[[], tuple[int, bytes]],
        problem: Callable[[int], str | None],
    ) -> None:
        """`identity` is chain id and flow, `head` the block recorded last, `problem` why a file is not here."""
        self._database = database
        self._replay = replay
        self._identity = identity
        self._head = head
        self._problem = problem

    @property
    def methods(self) -> Mapping[str, Method]:
        """Methods by name."""
        return {
            "kv_getServerStatus": self.get_server_status,
            "kv_getStreamStatus": self.get_stream_status,
            "kv_getTransaction": self.get_transaction,
            "kv_getStateRoot": self.get_state_root,
            "kv_getValueWithProof": self.get_value_with_proof,
            "kv_getRightWithProof": self.get_right_with_proof,
        }

    async def get_server_status(self) -> dict[str, Any]:
        """Which flow this server follows, how far, and what holds it up."""
        height, block_hash = self._head()
        with self._database.snapshot() as reader:
            return {
                "chainId": self._identity[0],
                "flowAddress": self._identity[1],
                "logSyncHeight": height,
                "logSyncBlock": to_hex(block_hash),
                "nextTxSeq": ledger.next_seq(reader),
                "appliedSeq": ledger.applied(reader),
                "waiting": [self._shown(each) for each in ledger.listed(reader, "state = 0", -1, MAX_LISTED)],
                "missing": [self._shown(each) for each in ledger.listed(reader, "missing = 1", -1, MAX_LISTED)],
            }

    async def get_stream_status(self, stream_id: Hash) -> dict[str, Any]:
        """How far a stream is: `pendingFrom` waits to be decided, from `provisionalFrom` on a missing file counts.

        `asideFrom` is the first submission that was left aside, as it also names a stream that is not held here.
        """
        with reading(self._database, self._replay, stream_id) as reader:
            first = ledger.first_waiting(reader, stream_id)
            pending = None if first is None else ledger.entry(reader, first)
            seq = _last_seq(reader, stream_id)
            return {
                "streamId": to_hex(stream_id),
                "seq": seq,
                "root": to_hex(pages.root_at(reader, stream_id, -1 if seq is None else seq)),
                "pendingFrom": first,
                "pending": None if pending is None else self._shown(pending),
                "asideFrom": ledger.first_aside(reader, stream_id),
                "provisionalFrom": state.provisional_from(reader, stream_id),
                "provenFrom": state.kept_from(reader, stream_id),
            }

    async def get_transaction(self, tx_seq: Seq) -> dict[str, Any] | None:
        """A submission to streams, and what became of it; None when there is none with this number."""
        with self._database.snapshot() as reader:
            entry = ledger.entry(reader, tx_seq)
        if entry is None:
            return None
        unknown = [stream for stream in entry.streams if not self._replay.tells(stream)]
        if entry.state == ELSEWHERE and unknown:
            reason = f"it belongs to stream {to_hex(unknown[0])}, which is not held by this server"
            raise RpcError(INVALID_PARAMS, "Invalid params: tx_seq", reason)
        return self._shown(entry)

    async def get_state_root(self, stream_id: Hash, seq: U64 | None = None) -> dict[str, Any]:
        """Root of a stream after sequence number `seq`, its last one by default."""
        with reading(self._database, self._replay, stream_id) as reader:
            return self._moment(reader, stream_id, _checked(reader, stream_id, seq))

    async def get_value_with_proof(self, stream_id: Hash, key: Base64, seq: U64 | None = None) -> dict[str, Any]:
        """A key's value after `seq` with its proof; `data` are its first 256 KiB, `digest` commits to all of it.

        Of a key that was never written, version and digest are null.
        """
        with reading(self._database, self._replay, stream_id) as reader:
            at = _proven(reader, stream_id, seq)
            value = values.find(reader, stream_id, key, at)
            data = b"" if value is None else values.read(reader, value, 0, MAX_QUERY_BYTES)
            return {
                **self._moment(reader, stream_id, at),
                "version": None if value is None else value.version,
                "size": 0 if value is None else value.size,
                "digest": None if value is None else to_hex(value.digest),
                "data": base64.b64encode(data).decode(),
                "proof": proof_to_json(pages.prove(reader, stream_id, entry_path(stream_id, key), at)),
            }

    async def get_right_with_proof(
        self,
        stream_id: Hash,
        role: U64,
        account: Account | None = None,
        key: Base64 | None = None,
        seq: U64 | None = None,
    ) -> dict[str, Any]:
        """Whether a right holds after `seq`, since which version, with its proof; null when nothing was ever said."""
        right = _right(stream_id, role, account, key)
        with reading(self._database, self._replay, stream_id) as reader:
            at = _proven(reader, stream_id, seq)
            known = FactsAt(reader, at).newest(right)
            return {
                **self._moment(reader, stream_id, at),
                "version": known and known[0],
                "holds": known and known[1],
                "proof": proof_to_json(pages.prove(reader, stream_id, right_path(right), at)),
            }

    def _moment(self, reader: Transaction, stream: bytes, seq: int) -> dict[str, Any]:
        return {
            "streamId": to_hex(stream),
            "seq": seq,
            "root": to_hex(pages.root_at(reader, stream, seq)),
            "provisional": state.is_provisional(reader, stream, seq),
        }

    def _shown(self, entry: Entry) -> dict[str, Any]:
        return {
            "seq": entry.seq,
            "block": entry.block,
            "root": to_hex(entry.root),
            "size": entry.size,
            "sender": to_hex(entry.sender),
            "streams": [to_hex(stream) for stream in entry.streams],
            "since": int(entry.since),
            "result": entry.result,
            "reason": entry.reason or (self._problem(entry.seq) if entry.result is None else None),
            "provisional": entry.provisional,
        }


def _last_seq(reader: Transaction, stream: bytes) -> int | None:
    """The last sequence number after which the state of `stream` is known; None before the first submission."""
    first = ledger.first_waiting(reader, stream)
    last = (ledger.next_seq(reader) if first is None else first) - 1
    return None if last < 0 else last


def _checked(reader: Transaction, stream: bytes, seq: int | None) -> int:
    last = _last_seq(reader, stream)
    if last is None:
        raise RpcError(INVALID_PARAMS, "Invalid params: seq", "nothing of this stream is decided yet")
    if seq is not None and seq > last:
        raise RpcError(INVALID_PARAMS, "Invalid params: seq", f"this stream is decided up to {last}, not {seq}")
    return last if seq is None else seq


def _proven(reader: Transaction, stream: bytes, seq: int | None) -> int:
    at, kept = _checked(reader, stream, seq), state.kept_from(reader, stream)
    if at < kept:
        raise RpcError(INVALID_PARAMS, "Invalid params: seq", f"proofs of this stream start at {kept}, not {at}")
    return at


def _right(stream: bytes, role: int, account: bytes | None, key: bytes | None) -> Right:
    try:
        return Right(stream, Role(role), key or b"", account or NOBODY)
    except ValueError as error:
        roles = ", ".join(f"{each.value} {each.name}" for each in Role)
        raise RpcError(INVALID_PARAMS, "Invalid params: role", f"the roles are {roles}") from error
