"""One key-value server as its clients see it. Proofs are checked here; whether the root is the right one is not."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from offchain.errors import InvalidProof, PeerUnavailable, RemoteRefused, Untrusted
from offchain.net.http_client import HttpClient
from offchain.net.jsonrpc import METHOD_NOT_FOUND
from offchain.protocol.keccak import keccak256
from offchain.protocol.kv.replay import COMMIT, MAX_DATA_BYTES
from offchain.protocol.kv.rights import NOBODY, Right, Role
from offchain.protocol.kv.state_tree import EMPTY, Leaf, entry_path, right_leaf, right_path, verify
from offchain.storage.kv.client.evidence import NEVER, Behind, Moment, Value
from offchain.storage.kv.wire import MAX_QUERY_BYTES, proof_from_json
from offchain.storage.wire import from_hex, number, to_hex

T = TypeVar("T")

NOTHING = object()
WRONG_SEQ = "Invalid params: seq"


class CannotProve(RemoteRefused):
    """The server has no methods that prove anything, as those of other implementations."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """Which flow a server follows, the block it has reached, the submissions it knows and has decided all before."""

    chain_id: int
    flow: str
    height: int
    next_seq: int
    applied: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a submission, in the public words, and in the server's own; `root` of its file if it was told.

    Two are equal if they say the same, whatever the reason. `sender` is the server's word alone.
    """

    result: str
    root: bytes | None = None
    reason: str | None = field(default=None, compare=False)
    provisional: bool = field(default=False, compare=False)
    sender: bytes = field(default=NOBODY, compare=False)

    @property
    def committed(self) -> bool:
        """Whether it took effect."""
        return self.result == COMMIT


class KvServer:
    """Calls a server.

    Every method raises PeerUnavailable when it is not there or speaks nonsense, Behind when it is not far enough,
    Untrusted when what it says does not follow from the root it says it for, RemoteRefused when it says no.
    """

    def __init__(self, http: HttpClient, attempts: int = 2) -> None:
        """`attempts` of each call, while the server is not there."""
        self._http = http
        self._attempts = attempts
        self.url = http.url

    def status(self) -> ServerStatus:
        """Which flow it follows, and how far; CannotProve for servers of other implementations."""
        told = self._rpc("kv_getServerStatus")
        return self._read(
            lambda: ServerStatus(
                chain_id=number(told["chainId"]),
                flow=str(told["flowAddress"]),
                height=number(told["logSyncHeight"]),
                next_seq=number(told["nextTxSeq"]),
                applied=number(told["appliedSeq"]),
            )
        )

    def moment(self, stream: bytes, seq: int | None = None) -> Moment:
        """The root of `stream` after `seq`, as far as the stream is decided by default."""
        told = self._at(stream, "kv_getStateRoot", to_hex(stream), seq)
        return _before_all(stream) if told is NOTHING else self._moment(told, stream, seq)

    def holds(self, stream: bytes) -> bool:
        """True; RemoteRefused where it does not."""
        self.moment(stream)
        return True

    def value(self, stream: bytes, key: bytes, seq: int | None = None) -> tuple[Moment, Value]:
        """What `key` holds after `seq`, and the moment whose root proves it."""
        told = self._at(stream, "kv_getValueWithProof", to_hex(stream), _base64(key), seq)
        if told is NOTHING:
            return _before_all(stream), Value(b"", None)
        moment = self._moment(told, stream, seq)
        path, version = entry_path(stream, key), self._read(lambda: _optional(told["version"]))
        if version is None:
            self._verify(told, path, None, moment)
            return moment, Value(b"", None)
        digest = self._read(lambda: from_hex(told["digest"]))
        self._verify(told, path, Leaf(path, version, digest), moment)
        data, size = self._read(lambda: (_bytes(told["data"]), number(told["size"])))
        self._check(data, 0, size)
        data += self._rest(stream, key, len(data), size, moment.seq)
        if keccak256(data) != digest or version > moment.seq:
            raise Untrusted(f"{self.url} sent a value that its own proof contradicts")
        return moment, Value(data, version)

    def right(self, right: Right, seq: int | None = None) -> tuple[Moment, bool]:
        """Whether `right` holds after `seq`, and the moment whose root proves it."""
        moment, known = self.right_since(right, seq)
        return moment, known is not None and known[1]

    def right_since(self, right: Right, seq: int | None = None) -> tuple[Moment, tuple[int, bool] | None]:
        """Since which sequence number `right` holds or does not, as far as `seq`; None if nothing was ever said."""
        account, key = to_hex(right.account), _base64(right.key)
        told = self._at(right.stream, "kv_getRightWithProof", to_hex(right.stream), int(right.role), account, key, seq)
        if told is NOTHING:
            return _before_all(right.stream), None
        moment = self._moment(told, right.stream, seq)
        version, holds = self._read(lambda: (_optional(told["version"]), told["holds"] is True))
        leaf = None if version is None else right_leaf(right, version, holds)
        self._verify(told, right_path(right), leaf, moment)
        return moment, None if version is None else (version, holds)

    def claimed(self, stream: bytes, key: bytes, version: int | None = None) -> Value:
        """What `key` holds now or after `version`, on the server's word alone."""
        at, size, data = self._piece(stream, key, 0, version)
        if not at and not size:
            return Value(b"", None)  # the public RPC does not tell this from a deletion by the first submission
        return Value(data + self._rest(stream, key, len(data), size, at), at)

    def claimed_right(self, right: Right, version: int | None = None) -> bool:
        """Whether `right` holds now or after `version`, on the server's word alone."""
        stream, account, key = to_hex(right.stream), to_hex(right.account), _base64(right.key)
        methods: dict[Role, tuple[str, ...]] = {
            Role.ADMIN: ("kv_isAdmin", account, stream),
            Role.WRITER: ("kv_isWriterOfStream", account, stream),
            Role.SPECIAL_KEY: ("kv_isSpecialKey", stream, key),
            Role.SPECIAL_WRITER: ("kv_isWriterOfKey", account, stream, key),
        }
        return self._rpc(*methods[right.role], version) is True

    def claimed_permission(self, account: str, stream: bytes, key: bytes, version: int | None = None) -> bool:
        """Whether `account` may write `key`, on the server's word alone."""
        return self._rpc("kv_hasWritePermission", account, to_hex(stream), _base64(key), version) is True

    def neighbour(
        self, stream: bytes, key: bytes | None, forward: bool, inclusive: bool, version: int | None
    ) -> bytes | None:
        """The nearest key with a value after or before `key`; without `key`, the first or the last one."""
        if key is None:
            told = self._rpc("kv_getFirst" if forward else "kv_getLast", to_hex(stream), 0, 0, version)
        else:
            method = "kv_getNext" if forward else "kv_getPrev"
            told = self._rpc(method, to_hex(stream), _base64(key), 0, 0, inclusive, version)
        return None if told is None else self._read(lambda: _bytes(told["key"]))

    def decision(self, seq: int) -> Decision | None:
        """What became of submission `seq`; None while that is open."""
        try:
            told = self._rpc("kv_getTransaction", seq)
        except CannotProve:
            result = self._rpc("kv_getTransactionResult", seq)
            return None if result is None else Decision(str(result))
        if told is None or self._read(lambda: told["result"]) is None:
            return None
        return self._read(
            lambda: Decision(
                str(told["result"]),
                from_hex(told["root"]),
                None if told["reason"] is None else str(told["reason"]),
                told["provisional"] is True,
                bytes.fromhex(told["sender"].removeprefix("0x")),
            )
        )

    def applied(self) -> int:
        """Submissions of the flow before the first that is not decided."""
        told = self._rpc("kv_getReplayProgress")
        return self._read(lambda: number(told["appliedSeq"]))

    def streams(self) -> list[bytes]:
        """Streams that are held."""
        told = self._rpc("kv_getHoldingStreamIds")
        return self._read(lambda: [from_hex(each) for each in told])

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _piece(self, stream: bytes, key: bytes, start: int, version: int | None) -> tuple[int, int, bytes]:
        told = self._rpc("kv_getValue", to_hex(stream), _base64(key), start, MAX_QUERY_BYTES, version)
        at, size, data = self._read(lambda: (number(told["version"]), number(told["size"]), _bytes(told["data"])))
        self._check(data, start, size)
        return at, size, data

    def _check(self, piece: bytes, start: int, size: int) -> None:
        """A piece is as long as what was asked for: or else one byte at a time would keep a reader busy for ever."""
        if size > MAX_DATA_BYTES:
            raise PeerUnavailable(f"{self.url} speaks of a value of {size} bytes, which no transaction could write")
        if len(piece) != max(min(size - start, MAX_QUERY_BYTES), 0):
            raise PeerUnavailable(f"{self.url} sent {len(piece)} bytes of a value, which is not what was asked for")

    def _rest(self, stream: bytes, key: bytes, start: int, size: int, seq: int) -> bytes:
        """What is left of a value of `size` bytes behind its first piece, as it was after `seq`."""
        rest = bytearray()
        while start + len(rest) < size:
            _, told, piece = self._piece(stream, key, start + len(rest), seq)
            if told != size:
                raise PeerUnavailable(f"{self.url} speaks of a value of {size} bytes, and then of {told}")
            rest += piece
        return bytes(rest)

    def _at(self, stream: bytes, method: str, *params: Any) -> Any:
        """The answer about a moment; NOTHING before anything of the stream is decided."""
        try:
            return self._rpc(method, *params)
        except RemoteRefused as refused:
            seq = params[-1]
            if refused.message != WRONG_SEQ:
                raise
            if seq is None:
                return NOTHING
            if (newest := self.moment(stream).seq) < seq:
                raise Behind(f"{self.url} has decided this stream up to {newest}, not yet {seq}") from refused
            raise

    def _verify(self, told: Any, path: bytes, leaf: Leaf | None, moment: Moment) -> None:
        proof = self._read(lambda: told["proof"])
        try:
            verify(proof_from_json(proof), path, leaf, moment.root)
        except InvalidProof as error:
            raise Untrusted(f"{self.url} proves nothing: {error}") from error

    def _moment(self, told: Any, stream: bytes, wanted: int | None) -> Moment:
        moment = self._read(
            lambda: Moment(stream, number(told["seq"]), from_hex(told["root"]), told["provisional"] is True)
        )
        if wanted not in (None, moment.seq):
            raise PeerUnavailable(f"{self.url} was asked about {wanted} and speaks of {moment.seq}")
        return moment

    def _rpc(self, method: str, *params: Any) -> Any:
        try:
            return self._http.rpc(method, *params, attempts=self._attempts)
        except RemoteRefused as refused:
            if refused.code == METHOD_NOT_FOUND:
                raise CannotProve(refused.url, refused.code, refused.message, refused.data) from refused
            raise

    def _read(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PeerUnavailable(f"{self.url} answered in an unknown way: is it a key-value server?") from error


def _before_all(stream: bytes) -> Moment:
    return Moment(stream, NEVER, EMPTY)


def _optional(value: Any) -> int | None:
    return None if value is None else number(value)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError("base64 is text")
    return base64.b64decode(value, validate=True)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
