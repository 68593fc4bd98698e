"""Transactions that are about to be paid for, on disk: whoever was interrupted goes on with the same bytes.

A file is known by its content, so the same change twice would be one file, and the second one would never be announced.
Each transaction therefore carries a *mark*: it reads a key that nobody has, which conflicts with nothing. What must not
be paid twice is the same mark; it is written down before anything is paid, and found again by what was wanted.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from offchain.errors import BadSettings, Invalid
from offchain.protocol.keccak import keccak256
from offchain.protocol.kv import stream_data, tags
from offchain.protocol.kv.replay import MAX_DATA_BYTES
from offchain.protocol.kv.stream_data import Read, StreamData

MARK_BYTES = 16
DIGEST_BYTES = 32

Seal = Callable[[bytes], bytes]
"""Turns a transaction into the file that is stored: encrypts it, or leaves it as it is."""


class Letter:
    """One transaction as it is uploaded: `content`, and the `tags` it is announced with."""

    def __init__(self, path: Path, content: bytes, tagged: bytes) -> None:
        """Made by `Outbox.letter`."""
        self.content = content
        self.tags = tagged
        self._path = path

    def settled(self) -> None:
        """Its outcome is known: the same wish is a new one from now on."""
        self._path.unlink(missing_ok=True)


class Outbox:
    """Letters of one account to one flow. Files: keccak of the content (32 bytes), the content."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when something is sent."""
        self._folder = folder

    @contextmanager
    def letter(self, wanted: StreamData, seal: Seal, secret: bytes = b"") -> Iterator[Letter]:
        """What to upload for `wanted`: what an interrupted run left, or something new, safely on disk.

        `secret` keeps file names from telling what is wanted. Raises Invalid for more than servers take, BadSettings
        when nothing can be kept on the disk.
        """
        tagged, plain = tags.encode(wanted.streams), stream_data.encode(wanted)
        name = keccak256(keccak256(secret), tagged, plain).hex()
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path, file = self._claimed(name)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            letter = Letter(path, self._content(file, wanted, seal), tagged)
            if len(letter.content) > MAX_DATA_BYTES:
                letter.settled()
                raise Invalid(
                    f"these changes are {len(letter.content)} bytes, and servers take {MAX_DATA_BYTES} at once: "
                    "divide them among several submissions"
                )
            yield letter
        finally:
            os.close(file)

    def _claimed(self, name: str) -> tuple[Path, int]:
        """A file for `name` that is ours alone: two living processes that want the same both get one."""
        number = 0
        while True:
            path = self._folder / f"{name[:40]}-{number}"
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                number += 1
                continue
            if os.fstat(file).st_nlink:
                return path, file
            os.close(file)  # whoever had it settled it and took it away

    def _content(self, file: int, wanted: StreamData, seal: Seal) -> bytes:
        try:
            digest, content = _read(file)
            if keccak256(content) != digest:  # new, or a run ended before it had written everything, or paid anything
                content = seal(stream_data.encode(marked(wanted)))
                _write(file, keccak256(content) + content)
                _keep(self._folder)
        except OSError as error:
            raise self._unusable(error) from error
        return content

    def _unusable(self, error: OSError) -> BadSettings:
        return BadSettings(f"transactions cannot be kept in {self._folder} until they are settled: {error.strerror}")


def marked(data: StreamData) -> StreamData:
    """`data` as no other transaction is."""
    mark = Read(data.streams[0], secrets.token_bytes(MARK_BYTES))
    return replace(data, reads=(*data.reads, mark))


def _read(file: int) -> tuple[bytes, bytes]:
    with open(file, "rb", closefd=False) as reader:
        return reader.read(DIGEST_BYTES), reader.read()


def _write(file: int, data: bytes) -> None:
    os.ftruncate(file, 0)
    with open(file, "wb", closefd=False) as writer:
        writer.seek(0)
        writer.write(data)
    os.fsync(file)


def _keep(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
