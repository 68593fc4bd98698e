"""Originals of what was uploaded, with what gets them back."""

from __future__ import annotations

import filecmp
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from offchain.protocol.encryption import Opener
from offchain.protocol.keccak import keccak256
from offchain.storage.client.api import StorageClient


@dataclass(frozen=True, slots=True)
class Kept:
    """What was uploaded from `path`, and the nodes that said they have it."""

    path: Path
    roots: tuple[bytes, ...]
    nodes: tuple[str, ...]
    opener: Opener | None = None

    @property
    def openers(self) -> tuple[Opener, ...]:
        """What decrypts it."""
        return (self.opener,) if self.opener else ()

    def fetch(self, client: StorageClient, copy: Path) -> bool:
        """Download it to `copy`, which is removed again; whether it is what was uploaded."""
        try:
            if self.path.is_dir():
                client.download_directory(self.roots[0], copy, self.openers)
            else:
                client.download(self.roots, copy, self.openers)
            return same(self.path, copy)
        finally:
            forget(copy)


class Archive:
    """What was uploaded so far, by all."""

    def __init__(self, folder: Path) -> None:
        """Originals lie in `folder`."""
        folder.mkdir(parents=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: list[Kept] = []
        self._known: set[bytes] = set()
        self._made = 0

    def all(self) -> list[Kept]:
        """In the order in which uploads ended."""
        with self._lock:
            return list(self._kept)

    def add(self, kept: Kept) -> None:
        """Something was uploaded."""
        with self._lock:
            self._kept.append(kept)

    def place(self) -> Path:
        """Where the next original goes."""
        with self._lock:
            self._made += 1
            return self._folder / f"{self._made:05}"

    def is_new(self, content: bytes) -> bool:
        """Whether nobody had this content yet: the same file of two payers may be paid for by both."""
        digest = keccak256(content)
        with self._lock:
            known = digest in self._known
            self._known.add(digest)
            return not known


def same(left: Path, right: Path) -> bool:
    """Whether two files, or all in two directories, have the same names and bytes."""
    if left.is_file() or right.is_file():
        return left.is_file() and right.is_file() and filecmp.cmp(left, right, shallow=False)
    names = [{path.relative_to(top) for path in top.rglob("*")} for top in (left, right)]
    return names[0] == names[1] and all(same(left / name, right / name) for name in names[0] if (left / name).is_file())


def forget(path: Path) -> None:
    """Remove a file or a directory, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
