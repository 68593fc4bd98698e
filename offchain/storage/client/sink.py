"""Where a download goes: a file that appears whole or not at all, and that an interrupted run can continue."""

from __future__ import annotations

import errno
import os
import stat
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from offchain.errors import Corrupted, DiskFull, Invalid
from offchain.protocol.keccak import keccak256
from offchain.storage.client.download import Piece
from offchain.storage.client.reading import Reading

PART = ".zg-part"
STATE = ".zg-state"
ABSENT, HERE = b"\0", b"\1"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

FOREIGN = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EACCES)
"""How opening a link, a directory, a socket or a file of somebody else fails."""


class Sink:
    """Pieces of one file on their way to `path`; the parts lie beside it until all are there."""

    def __init__(self, path: Path, reading: Reading) -> None:
        """Continues what an earlier run left of the same file."""
        self._path = path
        self._reading = reading
        self._part, self._state = scratch(path)
        self._head = _name(reading)
        self._data = _opened(self._part)
        try:
            self._marks = _opened(self._state)
        except BaseException:
            os.close(self._data)
            raise
        try:
            is_ours = os.pread(self._marks, len(self._head), 0) == self._head
            self._continued = is_ours and os.fstat(self._data).st_size == reading.size
            if not self._continued:
                self._start_over()
        except OSError:
            self.close()
            raise

    def missing(self) -> Sequence[int]:
        """Pieces that are not there yet."""
        count = self._reading.count
        marks = os.pread(self._marks, count, len(self._head)).ljust(count, ABSENT)
        return array("Q", (index for index in range(count) if marks[index] != HERE[0]))

    def put(self, piece: Piece) -> None:
        """Store a verified piece."""
        view, at = piece.data, piece.start
        while view:
            written = os.pwrite(self._data, view, at)
            view, at = view[written:], at + written
        os.pwrite(self._marks, HERE, len(self._head) + piece.index)

    def finish(self) -> None:
        """Put the file in place.

        What an earlier run left is checked once more as a whole: its marks may have outlived its data in a power cut.
        Corrupted when it is not what the roots commit to.
        """
        os.fsync(self._data)
        if self._continued and not self._reading.is_content_of(self._data):
            self._start_over()
            raise Corrupted(f"{self._part} was damaged since an earlier download began: download it again")
        self._part.replace(self._path)
        self._state.unlink()

    def close(self) -> None:
        """Close the files; what is incomplete stays for the next run."""
        os.close(self._data)
        os.close(self._marks)

    def _start_over(self) -> None:
        os.ftruncate(self._data, 0)
        os.ftruncate(self._data, self._reading.size)
        os.ftruncate(self._marks, 0)
        os.pwrite(self._marks, self._head, 0)


@contextmanager
def sink(path: Path, reading: Reading) -> Iterator[Sink]:
    """The sink of a download; Invalid when the place is taken or cannot be written, DiskFull without room."""
    try:
        if path.is_dir():
            raise Invalid(f"{path} is a directory: name the file to write")
        if not path.parent.is_dir():
            raise Invalid(f"there is no directory {path.parent} to write into")
        with closing(Sink(path, reading)) as opened:
            yield opened
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(f"no room is left for {path}: free some space, then run the same again") from error
        raise Invalid(f"{path} cannot be written: {error.strerror}") from error


def save(reading: Reading, path: Path) -> None:
    """Write a file to `path`: resumes, verifies, appears whole or not at all."""
    with sink(path, reading) as target:
        for piece in reading.pieces(target.missing()):
            target.put(piece)
        target.finish()


def scratch(path: Path) -> tuple[Path, Path]:
    """The files beside `path` where a download keeps its data, and which pieces of it are there."""
    return _beside(path, PART), _beside(path, STATE)


def _opened(path: Path) -> int:
    """A new file, or what an earlier run left there; Invalid for what others may have put in its place."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        foreign = Invalid(f"{path} is not what an earlier download left: remove it, or write to another place")
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno in FOREIGN:
            raise foreign from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise foreign
    return descriptor


def _beside(path: Path, suffix: str) -> Path:
    """A file beside `path` that belongs to it; file systems take names of 255 bytes."""
    name = os.fsencode(path.name)
    return path.with_name((path.name if len(name) + len(suffix) <= 255 else keccak256(name).hex()) + suffix)


def _name(reading: Reading) -> bytes:
    """What tells one download from another: roots, stored size, and the header of what is encrypted."""
    stored = reading.stored
    root = stored.roots[0] if len(stored.roots) == 1 else keccak256(*stored.roots)
    return root + stored.size.to_bytes(8, "big") + (keccak256(reading.cipher.head) if reading.cipher.head else b"")
