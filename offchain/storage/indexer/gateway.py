"""Files for clients that speak nothing but HTTP: fetched from the nodes, verified, streamed with bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from offchain.errors import Invalid
from offchain.net.exchange import Buffer
from offchain.net.remote import asker
from offchain.net.rest import File as Sent
from offchain.net.shares import Shares
from offchain.protocol.directory import HEAD_BYTES, TOP, Directory, File, Link, decode, is_directory
from offchain.protocol.encryption import NoCipher
from offchain.protocol.keccak import keccak256
from offchain.runtime.logging import get_logger
from offchain.storage.client.choice import Ambiguous, Which
from offchain.storage.client.download import Download
from offchain.storage.client.joined import Joined
from offchain.storage.client.reading import Reading
from offchain.storage.indexer.lookup import Cid, Lookup
from offchain.storage.indexer.refusals import NO_PATH, TOO_LARGE, WRONG_TYPE, refusal

T = TypeVar("T")

log = get_logger("gateway")

SHARE = 0.25  # of the downloads at once that one remote address may have
LINE = 4  # times as many may wait for their turn
WAIT_SECONDS = 20.0
SPARE_THREADS = 4  # that look for files while downloads have all the others
THREADS = 2  # that fetch for one download
RUN_SEGMENTS = 4  # that each of them fetches at a time
MAX_DIRECTORY = 4 << 20  # bytes of a directory's list: ten times as much memory while it is read
LISTINGS = 2  # directories that are read at once

Entry = Directory | File | Link


class Gateway:
    """Serves downloads: at most `max_downloads` at a time, fewer for one address, each of at most `max_bytes`."""

    def __init__(self, lookup: Lookup, max_downloads: int, max_bytes: int) -> None:
        """Downloads have threads of their own: however slow the nodes are, other calls are answered."""
        self._lookup = lookup
        self._max_bytes = max_bytes
        each = max(int(max_downloads * SHARE), 1)
        self._places = Shares("too many downloads at once", max_downloads, each, LINE * max_downloads)
        self._listing = asyncio.Semaphore(LISTINGS)
        self._pool = ThreadPoolExecutor(max_downloads + SPARE_THREADS, "download")

    async def file(self, cid: Cid, name: str | None) -> Sent:
        """A file, to be saved as `name` or else as its root; RestError when nobody has it."""
        return await self._in_pool(lambda: self._sent(self._open_cid(cid), name))

    async def entry(self, cid: Cid, path: str) -> Sent | Directory | Link:
        """What is at `path` in a directory; RestError when that is no directory, or nothing is there."""
        reading = await self._in_pool(lambda: self._open_cid(cid))
        async with self._listing:
            entry = await self._in_pool(lambda: _located(_directory(reading), path))
        if isinstance(entry, File):
            return await self._in_pool(lambda: self._of_entry(entry))
        return entry

    def _of_entry(self, entry: File) -> Sent:
        if not entry.size:
            return Sent(entry.name, 0, keccak256(b"").hex(), lambda start, length: _nothing(), self._check)
        try:
            reading = self._open(entry.roots)
        except Ambiguous:
            # Only now: of a file that is encrypted in an open directory, the list has another size than the network.
            reading = self._open(entry.roots, size=entry.size)
        return self._sent(reading, entry.name)

    def _open_cid(self, cid: Cid) -> Reading:
        return self._open(self._lookup.roots(cid), cid.seq, cid.size)

    def _open(self, roots: tuple[bytes, ...], seq: int | None = None, size: int | None = None) -> Reading:
        def found(root: bytes, size: int | None) -> Download:
            return Download(root, self._lookup.holders(root, Which(size, seq)))

        return Reading(Joined(roots, found, threads=THREADS, run=RUN_SEGMENTS, size=size), NoCipher())

    def _sent(self, reading: Reading, name: str | None) -> Sent:
        roots = reading.stored.roots
        tag = (roots[0] if len(roots) == 1 else keccak256(*roots)).hex()
        # A root does not commit to the size of its file.
        return Sent(
            name or "0x" + roots[0].hex(),
            reading.size,
            f"{tag}-{reading.size}",
            lambda start, length: self._stream(reading, start, length),
            self._check,
        )

    def _check(self, length: int) -> None:
        if length > self._max_bytes:
            raise refusal(TOO_LARGE, {"actual": length, "max": self._max_bytes})

    async def _stream(self, reading: Reading, start: int, length: int) -> AsyncGenerator[Buffer, None]:
        """A part of a file, once there is a place for one more download; Busy when that takes too long."""
        owner = asker.get()
        await self._places.take(owner, 1, WAIT_SECONDS)
        pieces = reading.stream(start, length)
        try:
            while (piece := await self._in_pool(lambda: next(pieces, None))) is not None:
                yield piece
        finally:
            await self._in_pool(pieces.close)
            self._places.give(owner, 1)
            for problem in dict.fromkeys(reading.problems):
                log.warning("passed over a node", reason=problem)

    async def _in_pool(self, function: Callable[[], T]) -> T:
        """The result of `function`, run on a thread; a caller that is cancelled waits for its end, as `in_thread`."""
        work = asyncio.get_running_loop().run_in_executor(self._pool, function)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()
            raise


def _directory(reading: Reading) -> Directory:
    """The directory that a file is; RestError when it is none, or too large to be held in memory."""
    try:
        if not is_directory(reading.read(0, HEAD_BYTES)):
            raise Invalid("this file is not a directory")
        if reading.size > MAX_DIRECTORY:
            raise refusal(TOO_LARGE, {"actual": reading.size, "max": MAX_DIRECTORY})
        return decode(reading.read(0, reading.size))
    except Invalid as error:
        raise refusal(WRONG_TYPE, str(error)) from error


def _located(directory: Directory, path: str) -> Entry:
    """The entry at `path`; RestError when there is none. No link is followed: it could lead anywhere."""
    entry: Entry = directory
    for name in path.split("/"):
        if name in ("", "."):
            continue
        entries = entry.entries if isinstance(entry, Directory) else ()
        found = next((each for each in entries if each.name == name), None)
        if found is None:
            raise refusal(NO_PATH, f"{name!r} is not in {entry.name if entry.name != TOP else 'the directory'}")
        entry = found
    return entry


async def _nothing() -> AsyncGenerator[Buffer, None]:
    return
    yield b""
