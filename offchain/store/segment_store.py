"""All files that a node stores, by root and size: opened on demand, at most so many at once."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from offchain.errors import NotFound
from offchain.store.segment_file import SegmentFile

MAX_OPEN = 256


@dataclass(frozen=True, slots=True, order=True)
class Content:
    """What identifies a file's bytes: a root alone does not tell where they end."""

    root: bytes
    size: int

    @property
    def name(self) -> str:
        """File name without ending."""
        return f"{self.root.hex()}-{self.size}"


@dataclass(slots=True)
class _Entry:
    file: SegmentFile
    users: int = 0
    removed: bool = False


class SegmentStore:
    """Segment files below `folder`; safe to use from several threads."""

    def __init__(self, folder: Path, max_open: int = MAX_OPEN) -> None:
        """`max_open` bounds the files kept open while nobody uses them."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._max_open = max_open
        self._lock = threading.Lock()
        self._entries: OrderedDict[Content, _Entry] = OrderedDict()

    @contextmanager
    def open(self, content: Content, create: bool = False) -> Iterator[SegmentFile]:
        """The segments of `content` for the length of the block; NotFound when there are none and `create` is off."""
        with self._lock:
            entry = self._entry(content, create)
            entry.users += 1
        try:
            yield entry.file
        finally:
            with self._lock:
                entry.users -= 1
                if entry.removed and not entry.users:
                    entry.file.close()
                self._close_idle()

    def remove(self, content: Content) -> None:
        """Delete what is stored of `content`; who is writing to it meanwhile writes into nothing."""
        with self._lock:
            entry = self._entries.pop(content, None)
            if entry:
                entry.removed = True
                if not entry.users:
                    entry.file.close()
            for ending in (".tree", ".data"):
                self._path(content).with_suffix(ending).unlink(missing_ok=True)

    def set_aside(self, content: Content) -> None:
        """Take what is damaged beyond use out of the way: nothing is stored of `content` then, until it comes again."""
        tree = self._path(content).with_suffix(".tree")
        with self._lock, suppress(FileNotFoundError):
            tree.replace(tree.with_suffix(".damaged"))

    def free(self) -> int:
        """Bytes that the disk has left."""
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for entry in self._entries.values():
                entry.file.close()
            self._entries.clear()

    def _entry(self, content: Content, create: bool) -> _Entry:
        entry = self._entries.get(content)
        if entry is None:
            path = self._path(content)
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.with_suffix(".tree").exists():
                raise NotFound(f"nothing is stored of {content.root.hex()}")
            entry = self._entries[content] = _Entry(SegmentFile(path, content.size))
        self._entries.move_to_end(content)
        return entry

    def _path(self, content: Content) -> Path:
        return self._folder / content.root[:1].hex() / content.name

    def _close_idle(self) -> None:
        idle = [content for content, entry in self._entries.items() if not entry.users]
        for content in idle[: max(len(self._entries) - self._max_open, 0)]:
            self._entries.pop(content).file.close()
