"""Segments and files as nodes and clients exchange them: JSON of the public RPC, and binary frames beside it.

A frame is: segment index (u64), length of the data (u32), number of siblings (u8), the siblings from the bottom up
(32 bytes each), the data; integers big-endian. Root and path are not sent: the receiver knows the file.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from offchain.errors import InvalidProof
from offchain.protocol import merkle
from offchain.protocol.merkle import Proof
from offchain.protocol.sectors import SEGMENT_BYTES, padded_segment_count
from offchain.protocol.submission import Node, Submission, check

FRAME = struct.Struct(">QIB")
HASH_BYTES = 32
MAX_SIBLINGS = 48


@dataclass(frozen=True, slots=True)
class Segment:
    """Segment `index` of the file `root` of `size` bytes: `data` without padding sectors, `siblings` bottom up.

    `claim` is the whole proof where somebody sent one: it repeats what the receiver knows, and must repeat it rightly.
    """

    root: bytes
    size: int
    index: int
    data: bytes | bytearray | memoryview
    siblings: tuple[bytes, ...]
    claim: Proof | None = None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a node says of a file. `uploaded` counts segments."""

    seq: int
    start: int
    submission: Submission
    finalized: bool
    is_cached: bool
    uploaded: int
    pruned: bool

    @property
    def root(self) -> bytes:
        """The file's root."""
        return self.submission.data_root

    @property
    def size(self) -> int:
        """The file's bytes."""
        return self.submission.length


def to_hex(data: bytes) -> str:
    """0x-prefixed hex."""
    return "0x" + data.hex()


def from_hex(text: Any) -> bytes:
    """32 bytes of hex, with or without 0x; ValueError for anything else."""
    if not isinstance(text, str) or not re.fullmatch("(0x)?[0-9a-fA-F]{64}", text):
        raise ValueError("a hash is 32 bytes of hex")
    return bytes.fromhex(text.removeprefix("0x"))


def number(value: Any) -> int:
    """A count as JSON has it; ValueError for anything else."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def proof_to_json(proof: Proof) -> dict[str, Any]:
    """`{lemma, path}`."""
    return {"lemma": [to_hex(each) for each in proof.lemma], "path": list(proof.path)}


def proof_from_json(value: Any) -> Proof:
    """The proof that `value` is; InvalidProof when it is none."""
    try:
        lemma = tuple(from_hex(each) for each in value["lemma"])
        path = tuple(value["path"])
    except (TypeError, KeyError, ValueError) as error:
        raise InvalidProof("a proof has a lemma of hashes and a path of booleans") from error
    if not all(isinstance(each, bool) for each in path):
        raise InvalidProof("a proof has a lemma of hashes and a path of booleans")
    return Proof(lemma, path)


def segment_to_json(segment: Segment, leaf: bytes) -> dict[str, Any]:
    """`{root, data, index, proof, fileSize}`, data as base64; `leaf` is the segment's root."""
    proof = whole_proof(segment.root, segment.size, segment.index, leaf, segment.siblings)
    return {
        "root": to_hex(segment.root),
        "data": base64.b64encode(segment.data).decode(),
        "index": segment.index,
        "proof": proof_to_json(proof),
        "fileSize": segment.size,
    }


def info_to_json(info: FileInfo) -> dict[str, Any]:
    """A file as the public RPC shows it. `streamIds` and `data` stay empty, and heights count from one."""
    nodes = [[node.height + 1, to_hex(node.root)] for node in info.submission.nodes]
    transaction = {
        "streamIds": [],
        "data": [],
        "dataMerkleRoot": to_hex(info.root),
        "merkleNodes": nodes,
        "startEntryIndex": info.start,
        "size": info.size,
        "seq": info.seq,
    }
    return {
        "tx": transaction,
        "finalized": info.finalized,
        "isCached": info.is_cached,
        "uploadedSegNum": info.uploaded,
        "pruned": info.pruned,
    }


def info_from_json(value: dict[str, Any]) -> FileInfo:
    """The file that a node speaks of; KeyError, TypeError or ValueError when it speaks nonsense."""
    told = value["tx"]
    nodes = tuple(Node(from_hex(root), number(depth) - 1) for depth, root in told["merkleNodes"])
    submission = Submission(number(told["size"]), b"", nodes)
    check(submission)
    return FileInfo(
        seq=number(told["seq"]),
        start=number(told["startEntryIndex"]),
        submission=submission,
        finalized=value["finalized"] is True,
        is_cached=value.get("isCached") is True,
        uploaded=number(value.get("uploadedSegNum", 0)),
        pruned=value.get("pruned") is True,
    )


def frame_head(index: int, length: int, siblings: Sequence[bytes]) -> bytes:
    """Everything of a frame that stands before its `length` bytes of data."""
    return FRAME.pack(index, length, len(siblings)) + b"".join(siblings)


def parse_frame_head(head: bytes) -> tuple[int, int, int]:
    """Index, data length and number of siblings of a frame; InvalidProof when they are out of bounds."""
    index, length, siblings = FRAME.unpack(head)
    if not 0 < length <= SEGMENT_BYTES or siblings > MAX_SIBLINGS:
        raise InvalidProof(f"a frame announces {length} bytes and {siblings} hashes")
    return index, length, siblings


def whole_proof(root: bytes, size: int, index: int, leaf: bytes, siblings: Sequence[bytes]) -> Proof:
    """The proof of segment `index`, whose root is `leaf`, made of its siblings and what the file's shape tells."""
    count = padded_segment_count(size)
    if count == 1:
        return Proof((root,), ())
    return Proof((leaf, *siblings, root), merkle.expected_path(index, count))
