"""What is uploaded: bytes in memory or a file on disk, encrypted or not, in one fragment or more."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from offchain.errors import Invalid
from offchain.fast import file_tree as fast
from offchain.fast import merkle
from offchain.fast.hash_row import as_bytes
from offchain.protocol.encryption import BLOCK_BYTES, Cipher
from offchain.protocol.file_tree import FileTree
from offchain.protocol.fragments import Fragment, Layout
from offchain.protocol.sectors import SECTOR_BYTES, SEGMENT_BYTES, segment_data_length, segment_leaf_count
from offchain.storage.client.intents import Wanted
from offchain.storage.wire import HASH_BYTES, Segment

KEPT_TREES = 64 << 20  # bytes: the trees of 256 GiB

OnProgress = Callable[[int], None]
Read = Callable[[int, int], bytes]
"""Bytes from a position, as many as asked for or as there are."""

Check = Callable[[], None]
"""Raises Invalid once what is read is not any more what it was in the beginning."""


def _always_the_same() -> None:
    """Of what cannot change."""


class Stream:
    """`size` bytes that can be read anywhere; it holds nothing open. `name` is what messages call it.

    `check` costs little: it looks at the file, not at its content.
    """

    def __init__(self, name: str, size: int, read: Read, check: Check = _always_the_same) -> None:
        """Made by `of_bytes`, `of_path` and `of_descriptor`."""
        self.name = name
        self.size = size
        self.read = read
        self.check = check

    @classmethod
    def of_bytes(cls, data: bytes, name: str = "data") -> Stream:
        """Bytes in memory."""
        return cls(name, len(data), lambda start, length: data[start : start + length])

    @classmethod
    def of_path(cls, path: Path) -> Stream:
        """A file on disk as it is now; Invalid when it is no file, cannot be read, or is written to from now on."""
        if not path.is_file():
            raise Invalid(f"{path} is not a file" if path.exists() else f"there is no file {path}")
        with _readable(path):
            first = path.stat()

        def compare(now: os.stat_result) -> None:
            if (now.st_size, now.st_mtime_ns) != (first.st_size, first.st_mtime_ns):
                raise _changed(str(path))

        def check() -> None:
            with _readable(path):
                compare(path.stat())

        def read(start: int, length: int) -> bytes:
            with _readable(path), path.open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), length, start)
                compare(os.fstat(file.fileno()))  # behind the reading: what was written before it is seen
                return data

        return cls(str(path), first.st_size, read, check)

    @classmethod
    def of_descriptor(cls, descriptor: int, size: int) -> Stream:
        """The first `size` bytes of an open file."""
        return cls("an open file", size, lambda start, length: os.pread(descriptor, length, start))

    def encrypted(self, cipher: Cipher) -> Stream:
        """What is stored of it when it is encrypted, made when it is read."""
        size = cipher.stored_size(self.size)

        def read(start: int, length: int) -> bytes:
            begin = start - start % BLOCK_BYTES
            starts = range(begin, min(start + length, size), BLOCK_BYTES)
            ends = [min(at + BLOCK_BYTES, size) for at in starts]
            if not ends:
                return b""
            first = cipher.plain_position(begin)
            plain = memoryview(self.read(first, cipher.plain_position(ends[-1]) - first))

            def block(at: int, end: int) -> bytes:
                part = plain[cipher.plain_position(at) - first : cipher.plain_position(end) - first]
                return cipher.encrypt(at, part, end == size)

            blocks = b"".join(map(block, starts, ends))
            return blocks[start - begin : start - begin + length]

        return Stream(self.name, size, read, self.check) if cipher.head else self


class Trees:
    """Trees of fragments: the latest are kept as far as they fit into `budget` bytes, others made again when needed.

    So the memory for an upload is bounded, however large or however many its files are.
    """

    def __init__(self, budget: int = KEPT_TREES) -> None:
        """Nothing is kept yet."""
        self._left = budget
        self._kept: OrderedDict[object, FileTree] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], FileTree]) -> FileTree:
        """The tree of `key`; whoever else wants one waits meanwhile, for hashing takes all cores."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            tree = self._kept[key] = make()
            self._left -= _bytes(tree)
            while self._left < 0 and len(self._kept) > 1:
                self._left += _bytes(self._kept.popitem(last=False)[1])
            return tree


class Source:
    """A fragment of a stream, ready for upload: a file of the network with its tree."""

    def __init__(
        self,
        name: str,
        tree: FileTree,
        read: Read,
        remake: Callable[[], FileTree] | None = None,
        check: Check = _always_the_same,
    ) -> None:
        """Made by `cut`, `of_bytes` and `of_path`. With `remake` the tree is not kept here but asked for there."""
        self.name = name
        self.check = check
        self._submission = tree.submission()
        self._root = tree.root
        self._tree = remake or (lambda: tree)
        self._read = read

    @classmethod
    def of_bytes(cls, data: bytes, name: str = "data") -> Source:
        """Bytes in memory, as one fragment; Invalid when there are none."""
        return cls(name, fast.build(data), lambda start, length: data[start : start + length])

    @classmethod
    def of_path(cls, path: Path, on_progress: OnProgress | None = None) -> Source:
        """A file on disk, as one fragment; Invalid when it is empty, is no file, cannot be read, or changes."""
        stream = Stream.of_path(path)
        return cut(stream, max(stream.size, 1), on_progress)[0]

    @property
    def root(self) -> bytes:
        """The file's root."""
        return self._root

    @property
    def size(self) -> int:
        """The file's bytes."""
        return self._submission.length

    @property
    def tree(self) -> FileTree:
        """The file's tree; Invalid when it was not kept and the file has changed since."""
        tree = self._tree()
        if tree.root != self._root:
            raise _changed(self.name)
        return tree

    def wanted(self, tags: bytes) -> Wanted:
        """What is announced to the flow."""
        return Wanted(self._root, replace(self._submission, tags=tags))

    def verified(self) -> Stream:
        """Its bytes; Invalid when those of a segment are not any more what its tree was made of."""

        def read(start: int, length: int) -> bytes:
            begin, end = start - start % SEGMENT_BYTES, min(start + length, self.size)
            last = min(-(-end // SEGMENT_BYTES) * SEGMENT_BYTES, self.size)
            data = self._read(begin, max(last - begin, 0))
            if len(data) < last - begin:
                raise _changed(self.name)
            for at in range(begin, end, SEGMENT_BYTES):
                self._checked(at // SEGMENT_BYTES, data[at - begin : at - begin + SEGMENT_BYTES])
            return data[start - begin : max(end - begin, 0)]

        return Stream(self.name, self.size, read, self.check)

    def segment(self, index: int) -> Segment:
        """Segment `index` as it travels; Invalid when the file is not any more what its tree was made of."""
        start = index * SEGMENT_BYTES
        data = self._checked(index, self._read(start, min(SEGMENT_BYTES, self.size - start)))
        return Segment(self._root, self.size, index, data, self.tree.proof(index).siblings)

    def _checked(self, index: int, data: bytes) -> bytes:
        """What was read of segment `index`, as it travels; Invalid when the tree was made of something else."""
        data += bytes(-len(data) % SECTOR_BYTES)
        tree, is_whole = self.tree, len(data) == segment_data_length(self.size, index)
        if not is_whole or merkle.segment_root(data, segment_leaf_count(self.size, index)) != tree.segment_roots[index]:
            raise _changed(self.name)
        return data

    def leaf(self, index: int) -> bytes:
        """Root of segment `index`."""
        return self.tree.segment_roots[index]


def cut(
    stream: Stream, fragment: int, on_progress: OnProgress | None = None, trees: Trees | None = None
) -> list[Source]:
    """The fragments of a stream, `fragment` bytes each but for the last; Invalid when it is empty.

    `trees` are shared by the files of one upload.
    """
    if not stream.size:
        raise Invalid(f"{stream.name} is empty: a file needs at least one byte")
    kept = trees or Trees()
    return [_source(stream, each, on_progress, kept) for each in Layout(stream.size, fragment)]


def fragment_tree(stream: Stream, fragment: Fragment, on_progress: OnProgress | None = None) -> FileTree:
    """The tree of a part of a stream; `on_progress` is told the bytes of the stream that are done."""

    def read(start: int, length: int) -> bytes:
        data = stream.read(fragment.start + start, length)
        if len(data) != length:
            raise _changed(stream.name)
        return data

    def told(done: int) -> None:
        if on_progress:
            on_progress(fragment.start + done)

    return fast._build(fragment.size, lambda start, length: as_bytes(read(start, length)), None, told)


def _source(stream: Stream, fragment: Fragment, on_progress: OnProgress | None, trees: Trees) -> Source:
    whole = fragment.size == stream.size
    name = stream.name if whole else f"bytes {fragment.start} to {fragment.start + fragment.size} of {stream.name}"
    key = (stream, fragment.start)
    return Source(
        name,
        trees.get(key, lambda: fragment_tree(stream, fragment, on_progress)),
        lambda start, length: stream.read(fragment.start + start, length),
        lambda: trees.get(key, lambda: fragment_tree(stream, fragment)),
        stream.check,
    )


def _changed(name: str) -> Invalid:
    return Invalid(f"{name} changed while it was read: run the same again, when nobody writes to it")


def _bytes(tree: FileTree) -> int:
    """Memory that a tree takes, nearly: two hashes for each segment, and those of the last one's sectors."""
    return HASH_BYTES * (2 * len(tree.segment_roots) + len(tree.tail)) + 1024


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Invalid when the system does not let us read `path`."""
    try:
        yield
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error
