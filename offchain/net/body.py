"""Bodies of requests and answers on their way: kept to a pace, and to the memory that they may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from offchain.errors import Invalid
from offchain.net.pace import Pace
from offchain.net.shares import Shares

WHOLE_SECONDS = 300.0  # for a body or an answer that is in memory whole
FREE_BYTES = 64 << 10  # of each body; more would lie in buffers anyway


class Room:
    """The memory that the bodies of one request and its answer take, out of what all share."""

    def __init__(self, memory: Shares, owner: str, seconds: float) -> None:
        """`owner` is who asks; `seconds` is how long to wait where memory is short."""
        self._memory = memory
        self._owner = owner
        self._seconds = seconds
        self._size = 0
        self._held = 0

    async def take(self, count: int) -> None:
        """Room for `count` more bytes; Busy when there is none. What is larger than a share takes all of it."""
        needed = min(max(self._size + count - FREE_BYTES, 0), self._memory.each) - self._held
        if needed:
            await self._memory.take(self._owner, needed, self._seconds)
        self._size += count
        self._held += needed

    def leave(self) -> None:
        """Give all of it back."""
        if self._held:
            self._memory.give(self._owner, self._held)
        self._size = self._held = 0


PACE = web.AppKey("pace", Pace)
ROOM = web.RequestKey("room", Room)


class Idle(Invalid):
    """The other side holds a place and does little or nothing."""


async def pieces(request: web.Request, pace: Pace | None = None) -> AsyncIterator[bytes]:
    """The body as it comes; Idle when it comes too slowly. Time that the caller takes for a piece is not counted."""
    pace, clock = pace or _pace(request), asyncio.get_running_loop().time
    arriving, left = request.content.iter_any(), pace.idle
    while True:
        began = clock()
        async with _within(left, f"less than {pace.rate} bytes per second of the body came for {pace.idle:g} s"):
            piece = await anext(arriving, None)
        if piece is None:
            return
        left = pace.credit(left, clock() - began, len(piece))
        yield piece


async def whole(request: web.Request, most: int) -> bytes:
    """The whole body; Idle, Busy where memory is short, or aiohttp's HTTPRequestEntityTooLarge above `most` bytes.

    Its memory is reserved before it is read, so that what was begun can be finished; the more it is, the faster it must
    come.
    """
    length = most if request.content_length is None else request.content_length
    if length > most:
        raise web.HTTPRequestEntityTooLarge(most, length)
    await request[ROOM].take(length)
    pace = _pace(request)
    body = bytearray()
    async for piece in pieces(request, Pace(pace.idle, max(pace.rate, int(length / WHOLE_SECONDS)))):
        body += piece
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(body))
    return bytes(body)


@asynccontextmanager
async def awaited(request: web.Request, complaint: str) -> AsyncIterator[None]:
    """Idle with `complaint` when the block takes longer than the other side may pause."""
    seconds = _pace(request).idle
    async with _within(seconds, f"{complaint} for {seconds:g} s"):
        yield


async def written(request: web.Request, answer: web.Response) -> None:
    """Send an answer; whoever reads it too slowly loses the connection. Busy where memory is short."""
    pace, size = _pace(request), len(answer.body) if isinstance(answer.body, bytes) else 0
    request[ROOM].leave()  # what came in is no longer needed
    await request[ROOM].take(size)
    try:
        async with asyncio.timeout(min(pace.idle + size / pace.rate, WHOLE_SECONDS)):
            await answer.prepare(request)
            await answer.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        return  # the client has left


def _pace(request: web.Request) -> Pace:
    return request.app.get(PACE, Pace())


@asynccontextmanager
async def _within(seconds: float, complaint: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Idle(complaint) from error
