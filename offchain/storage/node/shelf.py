"""Segments on disk as submissions see them: verified in, verified out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice

from offchain.errors import Busy, Corrupted, DiskFull, InvalidProof, NotFound
from offchain.fast import merkle as fast
from offchain.protocol import merkle
from offchain.protocol.file_tree import check_rear_padding
from offchain.protocol.merkle import Proof
from offchain.protocol.sectors import (
    SEGMENT_SECTORS,
    padded_segment_count,
    sector_count,
    segment_count,
    segment_data_length,
    segment_leaf_count,
)
from offchain.protocol.shards import Shard, owned_segments
from offchain.runtime.logging import get_logger
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.refusals import AlreadyStored, Refusal, bad_length, beyond_the_end
from offchain.storage.wire import FileInfo, Segment
from offchain.store.segment_file import SegmentFile
from offchain.store.segment_store import Content, SegmentStore

Data = bytes | bytearray | memoryview

log = get_logger("shelf")


class Shelf:
    """The store, with checks on both sides."""

    def __init__(self, store: SegmentStore, catalog: Catalog, shard: Shard, max_writing: int, verify: bool) -> None:
        """At most `max_writing` segments are written at once; `verify` checks hashes of what is read."""
        self.lost: Callable[[Content], None] = lambda _: None
        """Called with each file that lost a segment."""
        self.min_free = 0
        """Bytes of the disk that stay free."""
        self._store = store
        self._catalog = catalog
        self.shard = shard
        self._max_writing = max_writing
        self._verify = verify
        self._writing: set[tuple[Content, int]] = set()
        self._lock = threading.Lock()
        # Between seeing that a file is complete and noting it, no segment may be lost.
        self._marking = threading.Lock()

    def put(self, segment: Segment, admit: Callable[[Segment], None] | None = None) -> None:
        """Check a segment against its root and store it. `admit` sees each that is sound and new before it is written.

        Raises Refusal for a bad one, AlreadyStored, Busy above the limit, DiskFull, whatever `admit` raises.
        """
        content = Content(segment.root, segment.size)
        _check_shape(segment)
        if self._store.free() < self.min_free:
            raise DiskFull("this node's disk is full, upload to another one")
        with self._place(content, segment.index):
            root = _verified_root(segment)
            if admit and not self._has(content, segment.index):
                admit(segment)
            with self._opened(content, create=True) as file:
                if file.has(segment.index):
                    raise AlreadyStored
                file.write(segment.index, segment.data, root, segment.siblings)

    def sectors(self, content: Content, first: int, count: int) -> bytes:
        """`count` sectors of a file from its sector `first`; NotFound when they are not here, or damaged."""
        if first < 0 or count < 1 or first + count > sector_count(content.size):
            raise beyond_the_end()
        parts = []
        for index in range(first // SEGMENT_SECTORS, (first + count - 1) // SEGMENT_SECTORS + 1):
            data = self.data(content, index)
            begin = max(first - index * SEGMENT_SECTORS, 0) * 256
            end = (first + count - index * SEGMENT_SECTORS) * 256
            parts.append(data[begin:end])
        return b"".join(parts)

    def data(self, content: Content, index: int) -> bytes:
        """Bytes of segment `index`, without padding sectors; NotFound when they are not here, or damaged."""
        try:
            with self._opened(content) as file:
                data = _sound_data(file, content, index, self._verify)
        except NotFound:
            if self._promises(content, index):
                self.lose(content, index)
            raise
        if data is not None:
            return data
        self.lose(content, index)
        raise NotFound(f"segment {index} is damaged on this node's disk; it will be fetched again")

    def siblings(self, content: Content, index: int) -> list[bytes]:
        """Hashes that prove segment `index`, bottom up."""
        with self._opened(content) as file:
            return file.siblings(index)

    def segment(self, content: Content, index: int) -> Segment:
        """Segment `index` with its proof; NotFound when it is not here, or damaged."""
        if index >= segment_count(content.size):
            raise beyond_the_end()
        data = self.data(content, index)
        return Segment(content.root, content.size, index, data, tuple(self.siblings(content, index)))

    def segment_root(self, content: Content, index: int) -> bytes:
        """Root of segment `index`; NotFound when it is not here."""
        with self._opened(content) as file:
            if not file.has(index):
                raise NotFound(f"segment {index} is not stored here")
            return file.root(index)

    def subtree_root(self, content: Content, level: int, index: int) -> bytes:
        """Root over the 2^level full segments from `index` 2^level on; NotFound when no stored segment tells it."""
        with self._opened(content) as file:
            root, siblings = file.subtree(level, index), file.above(level, index)
        path = merkle.expected_path(index << level, padded_segment_count(content.size))
        path = path[len(path) - len(siblings) :]
        if self._verify and merkle.fold(root, siblings, path) != content.root:
            raise NotFound(f"the tree of {content.root.hex()} is damaged on this node's disk")
        return root

    def complete(self, content: Content) -> None:
        """Mark those submissions of a file as finalized whose segments are all here, once they are safe on disk."""
        entries = [entry for entry in self._catalog.of_content(content) if not entry.finalized]
        if all(map(self._lacks, entries)):
            return
        self._secure(content)
        with self._marking:
            complete = [entry.seq for entry in entries if not self._lacks(entry)]
            self._catalog.set_finalized(content, complete, True)
        log.info("finalized", root="0x" + content.root.hex(), size=content.size, submissions=complete)

    def lose(self, content: Content, index: int) -> None:
        """Forget a damaged segment, or note that it is gone: no submission of its file is complete any more."""
        with self._marking:
            with suppress(NotFound), self._opened(content) as file:
                file.forget(index)
            affected = [entry.seq for entry in self._catalog.of_content(content)]
            self._catalog.set_finalized(content, affected, False)
        log.error("damaged segment", root="0x" + content.root.hex(), segment=index, submissions=affected)
        self.lost(content)

    def info(self, entry: Entry) -> FileInfo:
        """What there is to say of a submission."""
        stored = segment_count(entry.size) if entry.finalized else self.stored(entry.content)
        return FileInfo(entry.seq, entry.start, entry.submission, entry.finalized, False, stored, False)

    def owned(self, entry: Entry) -> range:
        """Segments of a submission that this node should have."""
        return owned_segments(self.shard, entry.start, entry.size)

    def gaps(self, content: Content, wanted: range, most: int) -> list[range]:
        """The first stretches of `wanted` segments that are not here, at most so many."""
        try:
            with self._opened(content) as file:
                return list(islice(file.gaps(wanted), most))
        except NotFound:
            return [wanted] if wanted else []

    def lacking(self, content: Content, wanted: range) -> int:
        """How many of `wanted` segments are not here."""
        try:
            with self._opened(content) as file:
                return file.lacking(wanted)
        except NotFound:
            return len(wanted)

    def stored(self, content: Content) -> int:
        """Segments of a file that are here."""
        try:
            with self._opened(content) as file:
                return file.present
        except NotFound:
            return 0

    def absent(self, content: Content, indices: Sequence[int]) -> list[int]:
        """Those of `indices` that are not here."""
        try:
            with self._opened(content) as file:
                return [index for index in indices if not file.has(index)]
        except NotFound:
            return list(indices)

    def damaged(self, content: Content, indices: Sequence[int]) -> Iterator[int]:
        """Those of `indices` that are stored and whose bytes do not match their roots."""
        with self._opened(content) as file:
            for index in indices:
                if file.has(index) and _sound_data(file, content, index, verify=True) is None:
                    yield index

    def _lacks(self, entry: Entry) -> bool:
        return bool(self.gaps(entry.content, self.owned(entry), 1))

    def _has(self, content: Content, index: int) -> bool:
        return not self.absent(content, [index])

    def _promises(self, content: Content, index: int) -> bool:
        """Whether a submission that counts as complete here includes segment `index`."""
        return any(entry.finalized and index in self.owned(entry) for entry in self._catalog.of_content(content))

    @contextmanager
    def _opened(self, content: Content, create: bool = False) -> Iterator[SegmentFile]:
        """What the store has of a file; NotFound also when it cannot be opened: others must not suffer from that."""
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._store.open(content, create))
            except Corrupted as error:
                log.error("damaged file", root="0x" + content.root.hex(), reason=str(error))
                self._store.set_aside(content)
                file = stack.enter_context(self._store.open(content, create))
            yield file

    def _secure(self, content: Content) -> None:
        try:
            with self._opened(content) as file:
                file.sync()
        except NotFound:
            return  # a shard that owns none of the file's segments has nothing to lose

    @contextmanager
    def _place(self, content: Content, index: int) -> Iterator[None]:
        key = (content, index)
        with self._lock:
            if key in self._writing:
                raise AlreadyStored
            if len(self._writing) >= self._max_writing:
                raise Busy(f"too many data writing: {self._max_writing}")
            self._writing.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._writing.discard(key)


def root_of(content: Content, index: int, data: Data) -> bytes:
    """Root of segment `index` of a file, if `data` are its bytes."""
    return fast.segment_root(data, segment_leaf_count(content.size, index))


def _sound_data(file: SegmentFile, content: Content, index: int, verify: bool) -> bytes | None:
    """Bytes of a stored segment; None when they were cut off or, if `verify`, they or their proof do not match."""
    try:
        data = file.read(index * SEGMENT_SECTORS, segment_data_length(content.size, index) // 256)
        return data if not verify or _is_proven(file, content, index, data) else None
    except Corrupted:
        return None


def _is_proven(file: SegmentFile, content: Content, index: int, data: Data) -> bool:
    leaf = root_of(content, index, data)
    path = merkle.expected_path(index, padded_segment_count(content.size))
    return leaf == file.root(index) and merkle.fold(leaf, file.siblings(index), path) == content.root


def _check_shape(segment: Segment) -> None:
    if segment.index >= segment_count(segment.size):
        raise beyond_the_end()
    if len(segment.data) != segment_data_length(segment.size, segment.index):
        raise bad_length()


def _verified_root(segment: Segment) -> bytes:
    """Root of a segment that its siblings prove; Refusal otherwise."""
    path = merkle.expected_path(segment.index, padded_segment_count(segment.size))
    if segment.claim:
        _check_claim(segment, segment.claim)
    if len(segment.siblings) != len(path):
        raise Refusal("proof", "invalid proof")
    leaf = root_of(Content(segment.root, segment.size), segment.index, segment.data)
    if merkle.fold(leaf, segment.siblings, path) != segment.root or (segment.claim and segment.claim.lemma[0] != leaf):
        raise Refusal("proof", "validation failed")
    try:
        check_rear_padding(segment.siblings, segment.size, segment.index)
    except InvalidProof as error:
        raise Refusal("proof", str(error)) from error
    return leaf


def _check_claim(segment: Segment, claim: Proof) -> None:
    """Refuse a proof that is malformed, or that is of another place or root."""
    if len(claim.lemma) != (len(claim.path) + 2 if claim.path else 1):
        raise Refusal("proof", "invalid proof")
    path = merkle.expected_path(segment.index, padded_segment_count(segment.size))
    if claim.path != path or claim.lemma[-1] != segment.root:
        raise Refusal("proof", "validation failed")
