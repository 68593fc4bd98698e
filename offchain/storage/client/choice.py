"""Which file is meant by a root: files that differ only in zeros at their end may share one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from offchain.errors import Invalid, NotFound
from offchain.storage.client.node import NodeClient
from offchain.storage.wire import FileInfo


@dataclass(frozen=True, slots=True)
class Which:
    """The file of `size` bytes, that of submission `seq`, or, without either, the only one that has the root."""

    size: int | None = None
    seq: int | None = None

    def ask(self, client: NodeClient, framed: bool, root: bytes, need_available: bool = True) -> list[FileInfo]:
        """What a node says of the files with `root`: at least of the one that is meant, if the node knows it.

        Nodes without the binary endpoint (not `framed`) tell of one file with a root only: the others need `seq`.
        """
        if self.seq is not None:
            info = client.file_by_seq(self.seq)
            return [info] if info else []
        info = client.file(root, need_available)
        if info is None or not framed or info.root != root or info.size == self.size:
            return [info] if info else []
        try:
            others = client.files(root, self.size)
        except NotFound:
            return [info]  # it has no such list, as older releases: then it is like a node without the endpoint
        return [info, *(other for other in others if other.size != info.size)]

    def means(self, info: FileInfo) -> bool:
        """Whether this may be the file."""
        return self.size in (None, info.size) and self.seq in (None, info.seq)

    def __str__(self) -> str:
        """What is asked for beside the root, as messages go on after it."""
        size = f" with {self.size} bytes" if self.size is not None else ""
        return size + (f" as submission {self.seq}" if self.seq is not None else "")


ONLY = Which()
"""A root that is expected to be that of one file."""


class Ambiguous(Invalid):
    """A root is that of several files; carries them, one for each size, by size."""

    def __init__(self, root: bytes, infos: Iterable[FileInfo]) -> None:
        """`infos` are what nodes tell of files with `root`."""
        self.root = root
        self.files = _by_size(infos)
        first = self.files[0]
        super().__init__(
            f"0x{root.hex()} is the root of {len(self.files)} files, which differ in zeros at their end:\n"
            f"{listed(self.files)}\n"
            f"say which one is meant, by the size that its upload told or by its sequence number: --size {first.size} "
            f"or --sequence {first.seq}, in Python size={first.size} or seq={first.seq}"
        )


def listed(infos: Iterable[FileInfo]) -> str:
    """Files with one root, a line for each size."""
    return "\n".join(
        f"  {info.size} bytes, sequence number {info.seq}{'' if info.finalized else ', not complete'}"
        for info in _by_size(infos)
    )


def _by_size(infos: Iterable[FileInfo]) -> tuple[FileInfo, ...]:
    """The first complete one of each size, else the first."""
    found: dict[int, FileInfo] = {}
    for info in sorted(infos, key=lambda each: (each.size, not each.finalized, each.seq)):
        found.setdefault(info.size, info)
    return tuple(found.values())
