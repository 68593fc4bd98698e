"""Downloads: every segment is checked against the root before it counts, from whichever node it came."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from offchain.errors import Busy, InvalidProof, NotFound, PeerUnavailable, RemoteRefused
from offchain.fast import merkle as fast
from offchain.protocol import merkle
from offchain.protocol.file_tree import check_rear_padding
from offchain.protocol.sectors import (
    SEGMENT_BYTES,
    padded_segment_count,
    segment_count,
    segment_data_length,
    segment_leaf_count,
)
from offchain.protocol.shards import first_segment
from offchain.storage.client.ahead import ahead
from offchain.storage.client.choice import ONLY, Which
from offchain.storage.client.network import Holder, Network
from offchain.storage.client.patience import Sleep
from offchain.storage.client.progress import Counter, Progress, silent

RUN_SEGMENTS = 16  # asked for with one request
THREADS = 4
PAUSES = (0.5, 2.0, 5.0)  # seconds between rounds over all nodes, when none gave a valid segment
UNPROVEN = 64 << 30  # bytes of a file that room is made for before anybody has proven that it is as large

Data = bytes | bytearray


@dataclass(frozen=True, slots=True)
class Piece:
    """Verified bytes of a file, number `index` of its pieces, from byte `start`; no padding is in them."""

    index: int
    start: int
    data: memoryview


class Download:
    """One file that nodes hold. Nodes that fail or lie are asked for no more of it, as long as others have it."""

    def __init__(
        self, root: bytes, holders: Sequence[Holder], progress: Progress = silent, sleep: Sleep = time.sleep
    ) -> None:
        """`holders` agree about the file's size."""
        self.root = root
        self.size = holders[0].info.size
        self.problems: list[str] = []
        """What went wrong and was overcome, in words."""
        self._holders = list(holders)
        self._progress = progress
        self._sleep = sleep
        self._lock = threading.Lock()
        self._distrusted: set[str] = set()

    @classmethod
    def of(cls, network: Network, root: bytes, progress: Progress = silent, which: Which = ONLY) -> Download:
        """The file `root` of a network; NotFound when no node has it, Ambiguous when it could be one of several."""
        download = cls(root, network.holders(root, which), progress)
        if download.size > UNPROVEN:
            download.run(0, [segment_count(download.size) - 1])
        return download

    def pieces(self, wanted: Iterable[int] | None = None) -> Iterator[Piece]:
        """The segments `wanted`, all by default, in order. NotFound when no node that can be trusted has one."""
        indices = list(range(segment_count(self.size)) if wanted is None else wanted)
        counter = Counter(self._progress, "download", sum(self.length(index) for index in indices))
        runs = [indices[at : at + RUN_SEGMENTS] for at in range(0, len(indices), RUN_SEGMENTS)]
        for pieces in ahead(lambda each: self.run(*each), enumerate(runs), THREADS):
            for piece in pieces:
                counter.add(len(piece.data))
                yield piece

    def read(self, start: int, length: int) -> bytes:
        """`length` bytes from byte `start`; less at the end of the file."""
        end = min(start + length, self.size)
        if start < 0 or start >= end:
            return b""
        wanted = range(start // SEGMENT_BYTES, (end - 1) // SEGMENT_BYTES + 1)
        parts = [piece.data[max(start - piece.start, 0) : end - piece.start] for piece in self.pieces(wanted)]
        return b"".join(parts)

    def length(self, index: int) -> int:
        """Bytes of segment `index`."""
        return min(SEGMENT_BYTES, self.size - index * SEGMENT_BYTES)

    def run(self, number: int, indices: Sequence[int]) -> list[Piece]:
        """Verified segments, consecutive or single ones; each `number` starts with another node, to share the load."""
        found: dict[int, Piece] = {}
        for pause in (*PAUSES, None):
            self._ask_in_turn(number, indices, found)
            lost = [index for index in indices if index not in found]
            if not lost:
                return [found[index] for index in indices]
            if pause is not None:
                self._sleep(pause)
        reasons = "".join(f"\n  {problem}" for problem in dict.fromkeys(self.problems))
        raise NotFound(f"no node gave a valid segment {lost[0]} of 0x{self.root.hex()}:{reasons}")

    def _ask_in_turn(self, number: int, indices: Sequence[int], found: dict[int, Piece]) -> None:
        for holder in self._in_turn(number):
            missing = [index for index in indices if index not in found and self._may_ask(holder, index)]
            if missing:
                self._ask(holder, missing, found)

    def _in_turn(self, number: int) -> list[Holder]:
        at = number % len(self._holders)
        return self._holders[at:] + self._holders[:at]

    def _holds(self, holder: Holder, index: int) -> bool:
        return holder.node.shard.owns(first_segment(holder.info.start) + index)

    def _ask(self, holder: Holder, indices: Sequence[int], found: dict[int, Piece]) -> None:
        try:
            for index, data in self._received(holder, indices):
                found[index] = Piece(index, index * SEGMENT_BYTES, memoryview(data)[: self.length(index)])
        except (PeerUnavailable, RemoteRefused, NotFound, Busy, InvalidProof) as error:
            with self._lock:
                self.problems.append(f"{holder.node.url}: {error}")
                self._distrusted.add(holder.node.url)

    def _may_ask(self, holder: Holder, index: int) -> bool:
        """Whether a node holds a segment, and can be trusted or at least nobody else who holds it."""
        with self._lock:
            trusted = [each for each in self._holders if each.node.url not in self._distrusted]
        return self._holds(holder, index) and (holder in trusted or not any(self._holds(e, index) for e in trusted))

    def _received(self, holder: Holder, indices: Sequence[int]) -> Iterator[tuple[int, Data]]:
        if holder.node.framed and list(indices) == list(range(indices[0], indices[-1] + 1)):
            for frame in holder.node.client.fetch(self.root, self.size, indices[0], len(indices)):
                verify(self.root, self.size, frame.index, frame.data, frame.siblings)
                yield frame.index, frame.data
            return
        for index in indices:
            segment = holder.node.client.download(holder.info.seq, index)
            if segment is None:
                raise NotFound(f"segment {index} is not there, although the file is finalized")
            verify(self.root, self.size, index, bytes(segment.data), segment.siblings)
            yield index, bytes(segment.data)


def verify(root: bytes, size: int, index: int, data: Data, siblings: Sequence[bytes]) -> None:
    """InvalidProof unless `data` is segment `index` of the file `root` of `size` bytes."""
    if len(data) != segment_data_length(size, index):
        raise InvalidProof(f"segment {index} came with {len(data)} bytes")
    if any(data[size - index * SEGMENT_BYTES :]):
        raise InvalidProof(f"segment {index} has bytes beyond the file's end: the node tells a false size")
    path = merkle.expected_path(index, padded_segment_count(size))
    if len(siblings) != len(path):
        raise InvalidProof(f"segment {index} came with {len(siblings)} proof hashes instead of {len(path)}")
    leaf = fast.segment_root(data, segment_leaf_count(size, index))
    if merkle.fold(leaf, siblings, path) != root:
        raise InvalidProof(f"segment {index} is not what the root commits to: the node's data is damaged or false")
    check_rear_padding(siblings, size, index)
