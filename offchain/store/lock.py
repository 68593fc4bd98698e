"""One process for each data directory."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from offchain.errors import BadSettings


class DirectoryLock:
    """Held from `with` to its end, or until the process dies in whatever way; the file `lock` stays behind."""

    def __init__(self, directory: Path) -> None:
        """`directory` is created where missing."""
        self._directory = directory
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock; raises `BadSettings` naming the process that has it."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise BadSettings(f"the data directory {self._directory} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            self._close()
            raise BadSettings(
                f"the data directory {self._directory} is in use by process {owner}: "
                "stop that process, or give this one another directory"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
