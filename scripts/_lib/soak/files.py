"""Files: random uploads, and random downloads that must give back what was uploaded."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from offchain.protocol.encryption import Key
from offchain.storage.client.api import StorageClient
from offchain.storage.client.seeds import Encryption
from offchain.storage.client.upload import Uploaded, UploadOptions
from scripts._lib.soak.archive import Archive, Kept
from scripts._lib.soak.tally import Tally

MAX_BYTES = 4 << 20
FRAGMENT = 1 << 18
MAX_TAG_BYTES = 64
SECRET = Key(bytes(range(32)))

Put = Callable[[Path, UploadOptions], Uploaded]


class FileWork:
    """Somebody who uploads and downloads."""

    def __init__(
        self, name: str, client: StorageClient, archive: Archive, folder: Path, rng: random.Random, tally: Tally
    ) -> None:
        """`folder` takes what is downloaded; `rng` decides everything."""
        self.name = name
        self._client = client
        self._archive = archive
        self._copy = folder / f"{name}-copy"
        self._rng = rng
        self._tally = tally
        self._mine: list[tuple[Kept, UploadOptions]] = []

    def open(self) -> None:
        """Upload a file first that is large enough for the shares of all miners to hold some of it."""
        path = self._archive.place()
        path.write_bytes(self._rng.randbytes(MAX_BYTES - 1) + b"\1")
        self._keep(path, UploadOptions(replicas=2))

    def step(self) -> None:
        """Do one thing."""
        kept, dice = self._archive.all(), self._rng.random()
        if not kept or dice < 0.4:
            self._upload()
        elif dice < 0.45 and self._mine:
            self._upload_again()
        elif dice < 0.6:
            self._read_part(self._rng.choice(kept))
        else:
            self._download(self._rng.choice(kept))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _upload(self) -> None:
        options = UploadOptions(replicas=self._rng.choice((1, 2)))
        if self._rng.random() < 0.12:
            path = self._directory()
        else:
            path = self._file()
            options = self._with_extras(options)
        self._keep(path, options)

    def _keep(self, path: Path, options: UploadOptions) -> None:
        uploaded = self._put(path, options)
        kept = Kept(path, uploaded.roots, uploaded.nodes, SECRET if options.encryption else None)
        self._archive.add(kept)
        self._mine.append((kept, options))
        self._tally.uploaded(uploaded.size)

    def _upload_again(self) -> None:
        """The same once more, perhaps to more nodes: nothing is to be paid for it."""
        kept, options = self._rng.choice(self._mine)
        roots = self._put(kept.path, replace(options, replicas=self._rng.choice((1, 2)))).roots
        # The seed of an encrypted file is kept, so it is the same file again.
        if roots != kept.roots:
            self._tally.find(f"{kept.path.name}: uploaded again it had other roots")
        self._tally.add("uploads again")

    def _with_extras(self, options: UploadOptions) -> UploadOptions:
        dice = self._rng.random()
        if dice < 0.2:
            return replace(options, tags=self._rng.randbytes(self._rng.randint(1, MAX_TAG_BYTES)))
        if dice < 0.35:
            return replace(options, fragment=FRAGMENT)
        if dice < 0.5:
            return replace(options, encryption=Encryption(SECRET))
        return options

    def _put(self, path: Path, options: UploadOptions) -> Uploaded:
        put: Put = self._client.upload_directory if path.is_dir() else self._client.upload
        return self._tally.persist(lambda: put(path, options))

    def _file(self) -> Path:
        path = self._archive.place()
        while not self._archive.is_new(content := self._content(1)):
            continue
        path.write_bytes(content)
        return path

    def _directory(self) -> Path:
        top = self._archive.place()
        for number in range(self._rng.randint(1, 6)):
            inner = top / f"folder {number % 3}" if number % 2 else top
            inner.mkdir(parents=True, exist_ok=True)
            (inner / f"file {number}").write_bytes(self._content(16))
        (top / "empty").touch()
        return top

    def _content(self, least: int) -> bytes:
        """Random bytes, as often few as many; zeros at the end of a file do not count, so it ends with another byte."""
        size = max(int(MAX_BYTES ** self._rng.random()), least)
        return self._rng.randbytes(size - 1) + bytes([self._rng.randint(1, 255)])

    def _download(self, kept: Kept) -> None:
        if not self._tally.persist(lambda: kept.fetch(self._client, self._copy)):
            self._tally.find(f"{self.name} downloaded {kept.path.name} and got something else")
        self._tally.add("downloads")

    def _read_part(self, kept: Kept) -> None:
        if kept.path.is_dir():
            return
        content = kept.path.read_bytes()
        start = self._rng.randrange(len(content))
        length = self._rng.randint(1, len(content))
        read = self._tally.persist(lambda: self._client.read(kept.roots, start, length, kept.openers))
        if read != content[start : start + length]:
            self._tally.find(f"{self.name} read {length} bytes at {start} of {kept.path.name} and got others")
        self._tally.add("reads of parts")
