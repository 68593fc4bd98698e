"""One storage node as its clients and peers see it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from offchain.errors import Invalid, InvalidProof, NotFound, PeerUnavailable, RemoteRefused
from offchain.net.http_client import HttpClient
from offchain.net.jsonrpc import METHOD_NOT_FOUND
from offchain.protocol.sectors import SEGMENT_SECTORS, segment_count, segment_data_length
from offchain.protocol.shards import Shard
from offchain.storage.wire import (
    FRAME,
    HASH_BYTES,
    FileInfo,
    Segment,
    frame_head,
    from_hex,
    info_from_json,
    number,
    parse_frame_head,
    proof_from_json,
    segment_to_json,
    to_hex,
)

T = TypeVar("T")

SMALL = 1 << 18  # bytes of an answer about a node or a file; who waits for all nodes waits for the slowest of them
ALREADY_FINALIZED = "already uploaded and finalized"
ALREADY_STORED = "already been uploaded or is being uploaded"


Identity = tuple[int, str]
"""Chain id, and address of the flow in lower case."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Which chain and flow a node follows, and how far it has come: to the block of number `height` and hash `block`.

    `protocol` is the version of the public peer-to-peer protocol that it claims, as it tells it.
    """

    chain_id: int
    flow: str
    height: int
    next_seq: int
    peers: int
    block: str = ""
    protocol: Mapping[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """The flow that the node follows."""
        return self.chain_id, self.flow.lower()


@dataclass(frozen=True, slots=True)
class Frame:
    """A segment as a node sent it, not verified: its siblings are claims."""

    index: int
    siblings: tuple[bytes, ...]
    data: bytearray


class NodeClient:
    """Calls a node; every method raises PeerUnavailable when it is not there, RemoteRefused when it says no."""

    def __init__(self, http: HttpClient) -> None:
        """`http` is a client of the node's public address."""
        self._http = http
        self.url = http.url

    def status(self) -> NodeStatus:
        """What the node follows."""
        told = self._http.rpc("zgs_getStatus", most=SMALL)
        identity = self._read(told, "networkIdentity")
        return NodeStatus(
            chain_id=self._number(identity, "chainId"),
            flow=str(self._read(identity, "flowAddress")),
            height=self._number(told, "logSyncHeight"),
            next_seq=self._number(told, "nextTxSeq"),
            peers=self._number(told, "connectedPeers"),
            block=str(self._read(told, "logSyncBlock")),
            protocol=_table(identity.get("p2pProtocolVersion")),
        )

    def shard(self) -> Shard:
        """The part of the flow that the node holds."""
        told = self._http.rpc("zgs_getShardConfig", most=SMALL)
        try:
            return Shard(self._number(told, "shardId"), self._number(told, "numShard"))
        except Invalid as error:
            raise PeerUnavailable(f"{self.url} tells an impossible shard: {error}") from error

    def file(self, root: bytes, need_available: bool = False) -> FileInfo | None:
        """What the node says of the file `root`."""
        return self._info(self._http.rpc("zgs_getFileInfo", to_hex(root), need_available, most=SMALL))

    def file_by_seq(self, seq: int) -> FileInfo | None:
        """What the node says of submission `seq`."""
        return self._info(self._http.rpc("zgs_getFileInfoByTxSeq", seq, most=SMALL))

    def files(self, root: bytes, size: int | None = None) -> list[FileInfo]:
        """What the node says, through the binary endpoint, of files with `root`: one of each size, or of `size`."""
        answer = self._http.get(f"/v1/files/{root.hex()}" + (f"?size={size}" if size is not None else ""))
        told = self._read(answer, "files")
        if not isinstance(told, list):
            raise PeerUnavailable(f"{self.url} lists no files")
        return [info for info in map(self._info, told) if info is not None]

    def speaks_frames(self) -> bool:
        """Whether the node has the binary endpoint: other implementations do not."""
        try:
            self._http.get("/v1/status")
        except (NotFound, RemoteRefused, PeerUnavailable):
            return False
        return True

    def missing(self, root: bytes, size: int) -> list[int]:
        """Segments of a file that the node lacks and would take."""
        answer = self._http.get(f"/v1/files/{root.hex()}-{size}/missing")
        missing, end = list[int](), 0
        try:
            for first, count in self._read(answer, "missing"):
                if not end <= number(first) < number(first) + number(count) <= segment_count(size):
                    raise ValueError("out of bounds or out of order")
                end = first + count
                missing += range(first, end)
        except (TypeError, ValueError) as error:
            raise PeerUnavailable(f"{self.url} lists segments that the file does not have") from error
        return missing

    def upload(self, segments: Sequence[tuple[Segment, bytes]], seq: int) -> None:
        """Send segments, each with its root, through the public RPC; those that are there already are no error."""
        try:
            self._http.rpc("zgs_uploadSegmentsByTxSeq", [segment_to_json(*each) for each in segments], seq)
        except RemoteRefused as refused:
            if not _is_there(refused):
                raise

    def send(self, segments: Sequence[Segment]) -> None:
        """Send segments of one file through the binary endpoint; those that are there already are no error."""
        pieces = list(_frames(segments))
        path = f"/v1/files/{segments[0].root.hex()}-{segments[0].size}/segments"
        try:
            self._http.post(path, pieces, sum(len(piece) for piece in pieces))
        except RemoteRefused as refused:
            if not _is_there(refused):
                raise

    def fetch(self, root: bytes, size: int, first: int, count: int) -> Iterator[Frame]:
        """Segments `first` to `first + count` through the binary endpoint, as they arrive."""
        path = f"/v1/files/{root.hex()}-{size}/segments?first={first}&count={count}"
        head = bytearray(FRAME.size)
        with self._http.stream(path) as reader:
            for expected in range(first, first + count):
                reader.read_into(memoryview(head))
                index, length, siblings = parse_frame_head(bytes(head))
                if index != expected or length != segment_data_length(size, index):
                    raise InvalidProof(f"{self.url} sent segment {index} instead of {expected}")
                hashes, data = bytearray(siblings * HASH_BYTES), bytearray(length)
                reader.read_into(memoryview(hashes))
                reader.read_into(memoryview(data))
                yield Frame(index, tuple(bytes(hashes[at : at + 32]) for at in range(0, len(hashes), 32)), data)

    def download(self, seq: int, index: int) -> Segment | None:
        """A segment with its proof through the public RPC, not verified; None when the node does not have it."""
        told = self._http.rpc("zgs_downloadSegmentWithProofByTxSeq", seq, index)
        if told is None:
            return None
        try:
            data = base64.b64decode(told["data"], validate=True)
            claim = proof_from_json(told["proof"])
            if number(told["index"]) != index:
                raise ValueError(f"it is number {told['index']}")
            return Segment(from_hex(told["root"]), number(told["fileSize"]), index, data, claim.siblings, claim)
        except (TypeError, KeyError, ValueError) as error:
            raise PeerUnavailable(f"{self.url} answered with no segment") from error

    def download_sectors(self, seq: int, first: int, count: int) -> bytes | None:
        """Bare sectors of a segment through the public RPC: other implementations do not prove partial files."""
        told = self._http.rpc("zgs_downloadSegmentByTxSeq", seq, first, first + count)
        try:
            return None if told is None else base64.b64decode(told, validate=True)
        except (TypeError, ValueError) as error:
            raise PeerUnavailable(f"{self.url} answered with no sectors") from error

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _info(self, told: Any) -> FileInfo | None:
        if told is None:
            return None
        try:
            return info_from_json(told)
        except (KeyError, TypeError, ValueError) as error:
            raise PeerUnavailable(f"{self.url} answered with no file information") from error

    def _number(self, told: Any, field: str) -> int:
        try:
            return number(self._read(told, field))
        except ValueError as error:
            raise PeerUnavailable(f"{self.url} tells {error} as its {field}") from error

    def _read(self, told: Any, field: str) -> Any:
        try:
            return told[field]
        except (TypeError, KeyError) as error:
            raise PeerUnavailable(f"{self.url} does not tell its {field}: is it a storage node?") from error


def segment_range(size: int, index: int) -> tuple[int, int]:
    """First sector and number of sectors of segment `index`, without padding."""
    return index * SEGMENT_SECTORS, segment_data_length(size, index) // 256


def _frames(segments: Iterable[Segment]) -> Iterator[bytes | memoryview]:
    for segment in segments:
        yield frame_head(segment.index, len(segment.data), segment.siblings)
        yield memoryview(segment.data)


def _table(told: Any) -> Mapping[str, Any]:
    return told if isinstance(told, dict) else {}


def _is_there(refused: RemoteRefused) -> bool:
    text = f"{refused.message} {refused.data}"
    return ALREADY_FINALIZED in text or ALREADY_STORED in text


def is_unknown_method(refused: RemoteRefused) -> bool:
    """Whether the server does not have the method at all."""
    return refused.code == METHOD_NOT_FOUND
