"""Files of submissions, from their download until they are not needed any more."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from offchain.errors import DiskFull
from offchain.fast import file_tree as fast

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Files:
    """Files by root and size in one folder; each appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        """`folder` is created where missing; what an earlier process left half done is removed."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.part"):
            path.unlink()

    def has(self, root: bytes, size: int) -> bool:
        """Whether the file is here."""
        return self._path(root, size).is_file()

    def put(self, root: bytes, size: int, pieces: Iterable[memoryview]) -> None:
        """Keep a file that comes in pieces; DiskFull without room."""
        part = self._path(root, size).with_suffix(".part")
        try:
            with part.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
            part.replace(self._path(root, size))
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DiskFull(f"no room is left for {part}: free some space, then start again") from error
            raise
        finally:
            part.unlink(missing_ok=True)

    def get(self, root: bytes, size: int) -> bytes | None:
        """The bytes of a file; None when it is not here, or no longer what its root says."""
        path = self._path(root, size)
        if not path.is_file():
            return None
        data = path.read_bytes()
        # What a power cut or the disk did to it since its download must not become state.
        if len(data) != size or fast.build(data).root != root:
            self.drop(root, size)
            return None
        return data

    def drop(self, root: bytes, size: int) -> None:
        """Remove a file."""
        self._path(root, size).unlink(missing_ok=True)

    def all(self) -> list[tuple[bytes, int]]:
        """Root and size of every file."""
        names = [path.stem.partition("-") for path in self._folder.glob("*.data")]
        return [(bytes.fromhex(root), int(size)) for root, _, size in names]

    def bytes_held(self) -> int:
        """Bytes of all files."""
        with os.scandir(self._folder) as found:
            return sum(each.stat().st_size for each in found)

    def _path(self, root: bytes, size: int) -> Path:
        return self._folder / f"{root.hex()}-{size}.data"
