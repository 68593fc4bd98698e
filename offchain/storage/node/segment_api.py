"""The binary endpoint: segments of a file as frames (`offchain.storage.wire`), many in one request.

GET  /v1/status                              that this endpoint is here
GET  /v1/files/<root>?size=                  files with this root as zgs_getFileInfo tells of them: one of each size, of
                                             those that were submitted first, or the one of `size` bytes
GET  /v1/files/<root>-<size>/missing         segments that this node would take, as [first, count] pairs; not all
                                             where there are very many: ask again when these are sent
POST /v1/files/<root>-<size>/segments        frames in the body
GET  /v1/files/<root>-<size>/segments?first=&count=
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from heapq import merge
from itertools import chain, islice
from typing import Any

from offchain.errors import Invalid, InvalidProof, NotFound
from offchain.net.exchange import Buffer, Call, Exchange, Stream
from offchain.protocol.sectors import segment_count
from offchain.runtime.threads import Lane
from offchain.storage.node.catalog import Catalog
from offchain.storage.node.intake import Intake
from offchain.storage.node.refusals import AlreadyStored, Refusal
from offchain.storage.node.shelf import Shelf
from offchain.storage.node.stretches import runs
from offchain.storage.wire import FRAME, HASH_BYTES, Segment, frame_head, from_hex, info_to_json, parse_frame_head
from offchain.store.segment_store import Content

MAX_SIZES = 64  # of files with one root that are listed
GROUP = 4  # segments that one thread takes at a time
MAX_STRETCHES = 1 << 16  # that one answer lists
MAX_BYTES = 1 << 54  # of a file
PROTOCOL = "zg-segments/1"

Frame = tuple[int, tuple[bytes, ...], bytearray]
"""Index, siblings and data of a segment."""


class SegmentApi:
    """Streams segments in and out."""

    def __init__(self, catalog: Catalog, shelf: Shelf, intake: Intake, lane: Lane) -> None:
        """The same parts as the JSON methods use; `lane` is where threads are taken from."""
        self._catalog = catalog
        self._shelf = shelf
        self._intake = intake
        self._lane = lane

    @property
    def routes(self) -> list[tuple[str, str, Exchange]]:
        """Method, path, handler."""
        return [
            ("GET", "/v1/status", self.status),
            ("GET", "/v1/files/{root}", self.files),
            ("GET", "/v1/files/{content}/missing", self.missing),
            ("POST", "/v1/files/{content}/segments", self.upload),
            ("GET", "/v1/files/{content}/segments", self.download),
        ]

    async def status(self, _: Call) -> dict[str, Any]:
        """That this endpoint is here."""
        return {"protocol": PROTOCOL}

    async def files(self, call: Call) -> dict[str, Any]:
        """Files with a root, one of each size; the public RPC tells of one file only."""
        root, size = _root(call.path["root"]), call.number("size", 0)
        return {"files": await self._lane.run(self._files, root, size)}

    async def missing(self, call: Call) -> dict[str, Any]:
        """Segments that this node would take."""
        content = _content(call)
        return {"missing": await self._lane.run(self._missing, content)}

    async def upload(self, call: Call) -> dict[str, Any]:
        """Take the segments in the body; those that are here already are passed over."""
        content = _content(call)
        stored = total = 0
        working: asyncio.Task[int] | None = None
        try:
            async for group in _groups(call.body):
                total += len(group)
                if working:
                    stored += await working
                # While these are checked and written, the next ones arrive.
                working = asyncio.create_task(self._lane.run(self._take, content, group))
            stored += await working if working else 0
        finally:
            if working:
                await asyncio.gather(working, return_exceptions=True)
        return {"stored": stored, "passedOver": total - stored}

    async def download(self, call: Call) -> Stream:
        """Segments `first` to `first + count`."""
        content = _content(call)
        first, total = call.number("first"), segment_count(content.size)
        count = call.number("count", max(total - first, 0))
        if count < 1 or first + count > total:
            raise Invalid(f"segments {first} to {first + count} are not within a file of {total} segments")
        for index in (first, first + count - 1):
            await self._lane.run(self._shelf.segment_root, content, index)
        return Stream(self._send(content, range(first, first + count)))

    def _files(self, root: bytes, size: int) -> list[dict[str, Any]]:
        sizes = self._catalog.sizes(root, MAX_SIZES) if size == 0 else [size] if size < MAX_BYTES else []
        entries = [self._catalog.best(Content(root, each)) for each in sizes]
        return [info_to_json(self._shelf.info(entry)) for entry in entries if entry]

    def _missing(self, content: Content) -> list[list[int]]:
        # One file submitted at several places: what a shard owns of it differs at most as often as there are shards.
        owned = {self._shelf.owned(entry) for entry in self._catalog.of_content(content)}
        if not owned:
            return [[0, segment_count(content.size)]]
        gaps = [self._shelf.gaps(content, wanted, MAX_STRETCHES) for wanted in owned]
        if self._shelf.shard.count == 1:
            return [[gap.start, len(gap)] for gap in gaps[0]]
        indices = islice(merge(*map(chain.from_iterable, gaps)), MAX_STRETCHES)
        return [[first, count] for first, count in runs(indices, MAX_STRETCHES)]

    def _take(self, content: Content, group: list[Frame]) -> int:
        """Store a group of segments; how many of them were new."""
        stored = 0
        for index, siblings, data in group:
            try:
                self._intake.take(Segment(content.root, content.size, index, data, siblings))
                stored += 1
            except AlreadyStored:
                continue
            except Refusal as refusal:
                raise refusal.rpc_error from refusal
        return stored

    async def _send(self, content: Content, indices: range) -> AsyncGenerator[Buffer, None]:
        ahead = asyncio.ensure_future(self._lane.run(self._frame, content, indices[0]))
        try:
            for index in indices:
                head, data = await ahead
                if index + 1 < indices.stop:
                    # The next one is read and checked while this one is sent.
                    ahead = asyncio.ensure_future(self._lane.run(self._frame, content, index + 1))
                yield head
                yield data
        finally:
            ahead.cancel()

    def _frame(self, content: Content, index: int) -> tuple[bytes, bytes]:
        data = self._shelf.data(content, index)
        return frame_head(index, len(data), self._shelf.siblings(content, index)), data


def _content(call: Call) -> Content:
    root, _, size = call.path["content"].partition("-")
    try:
        content = Content(bytes.fromhex(root), int(size))
    except ValueError as error:
        raise NotFound("files are named <root in hex>-<size in bytes>") from error
    if len(content.root) != HASH_BYTES or not 0 < content.size < MAX_BYTES:
        raise NotFound("files are named <root in hex>-<size in bytes>")
    return content


def _root(text: str) -> bytes:
    try:
        return from_hex(text)
    except ValueError as error:
        raise NotFound("roots are 64 hexadecimal digits") from error


async def _groups(body: AsyncIterator[bytes]) -> AsyncIterator[list[Frame]]:
    """The frames in `body`, some at a time; InvalidProof when it is cut off or malformed."""
    reader, group = _BodyReader(body), list[Frame]()
    while head := await reader.read(FRAME.size, may_end=True):
        index, length, count = parse_frame_head(bytes(head))
        hashes = bytes(await reader.read(count * HASH_BYTES))
        siblings = tuple(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES))
        group.append((index, siblings, await reader.read(length)))
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


class _BodyReader:
    """Reads exact lengths out of pieces of any length."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._piece = memoryview(b"")

    async def read(self, length: int, may_end: bool = False) -> bytearray:
        """`length` bytes; nothing at the end of the body if it `may_end` here."""
        buffer, filled = bytearray(length), 0
        while filled < length:
            if not self._piece:
                piece = await anext(self._body, None)
                if piece is None:
                    if may_end and not filled:
                        return bytearray()
                    raise InvalidProof("the body ends in the middle of a frame")
                self._piece = memoryview(piece)
            taken = min(length - filled, len(self._piece))
            buffer[filled : filled + taken] = self._piece[:taken]
            self._piece = self._piece[taken:]
            filled += taken
        return buffer
