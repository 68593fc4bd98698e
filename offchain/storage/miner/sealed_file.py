"""The sealed loads of a miner on disk: one file, each load at its slot."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offchain.errors import Corrupted, DiskFull
from offchain.protocol.recall import LOAD_BYTES
from offchain.protocol.sealing import UNIT_BYTES

Memory = bytes | bytearray | memoryview

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SealedFile:
    """A file that grows with the highest slot; slots that were never written take no room. Safe between threads."""

    def __init__(self, path: Path) -> None:
        """Opens `path`, created where missing."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, slot: int, load: Memory) -> None:
        """Put a load into `slot`; DiskFull without room: then what is in the slot is of no use."""
        view, at = memoryview(load), slot * LOAD_BYTES
        with self._explained():
            while view:
                written = os.pwrite(self._descriptor, view, at)
                view, at = view[written:], at + written

    def sync(self) -> None:
        """Return when everything written is safe from a power cut."""
        with self._explained():
            os.fdatasync(self._descriptor)

    def expect(self, slot: int) -> None:
        """Let the system read the load in `slot` ahead, where it can."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._descriptor, slot * LOAD_BYTES, LOAD_BYTES, os.POSIX_FADV_WILLNEED)

    def read_into(self, slot: int, target: memoryview) -> None:
        """Read the load in `slot` into 262,144 bytes; Corrupted when the disk does not give all of them."""
        self._read(slot * LOAD_BYTES, target)

    def read_unit(self, slot: int, unit: int) -> bytes:
        """The 4,096 bytes of a unit of the load in `slot`; Corrupted when the disk does not give all of them."""
        target = bytearray(UNIT_BYTES)
        self._read(slot * LOAD_BYTES + unit * UNIT_BYTES, memoryview(target))
        return bytes(target)

    def free(self) -> int:
        """Bytes that the disk has left."""
        disk = os.fstatvfs(self._descriptor)
        return disk.f_bavail * disk.f_frsize

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _read(self, at: int, target: memoryview) -> None:
        while target:
            try:
                count = os.preadv(self._descriptor, [target], at)
            except OSError as error:
                raise Corrupted(f"{self._path} cannot be read at byte {at}: {error.strerror}") from error
            if not count:
                raise Corrupted(f"{self._path} ends at byte {at}: it was cut off from outside")
            target, at = target[count:], at + count

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFull(f"no room is left for {self._path}: free some space; nothing is damaged") from error
            raise


def checksum(load: Memory) -> int:
    """What tells a load that the disk gave back from the one that it was given."""
    return zlib.crc32(load)
