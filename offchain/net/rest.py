"""REST as the public gateways speak it: JSON in an envelope {code, message, data}, and files, whole or in part.

What a caller did wrong is told with HTTP status 200 and a code above 0, which is how the existing clients expect it;
HTTP statuses speak of the server: 500 for its failures, 503 when it is busy.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from aiohttp import web

from offchain.errors import Busy, Invalid, ZgError
from offchain.net.body import PACE, Idle, whole
from offchain.net.byte_range import Unsatisfiable, wanted_part
from offchain.net.exchange import Buffer
from offchain.net.pace import Pace

OK, WRONG, INTERNAL = 0, 1, 2
MESSAGES = {OK: "Success", WRONG: "Invalid parameter", INTERNAL: "Internal server error"}
TYPES = mimetypes.MimeTypes()  # those that Python knows: the machine's own lists differ
OCTETS = "application/octet-stream"

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Disposition, Content-Range, ETag",
}
"""What strangers have stored must not run as if the server's operator had written it."""


class RestError(ZgError):
    """A refusal with a code of its own."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        """`message` belongs to the code, `data` to the case."""
        self.code = code
        self.message = message
        self.data = data
        super().__init__(message if data is None else f"{message}: {data}")


@dataclass(frozen=True, slots=True)
class RestCall:
    """One request. A name may stand several times in the query."""

    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: Callable[[int], Awaitable[bytes]]
    """The whole body, up to so many bytes; RestError for more."""

    def one(self, name: str) -> str | None:
        """The first value of `name` in the query."""
        return next(iter(self.query.get(name, ())), None)


@dataclass(frozen=True, slots=True)
class File:
    """Content that never changes, to be saved as `name`.

    `open` gives `length` bytes from `start`. `tag` tells it from any other content. It is sent as far as `check`
    lets so many bytes pass.
    """

    name: str
    size: int
    tag: str
    open: Callable[[int, int], AsyncGenerator[Buffer, None]]
    check: Callable[[int], None]


RestExchange = Callable[[RestCall], Awaitable[Any]]
"""Answers with a `File`, or with the JSON value that goes into the envelope."""


def adapt_rest(exchange: RestExchange) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler that lets `exchange` answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        query = {name: request.query.getall(name) for name in request.query}
        try:
            answer = await exchange(RestCall(request.match_info, query, partial(_body, request)))
            if isinstance(answer, File):
                return await _file(request, answer)
        except ZgError as error:
            return _refusal(error)
        return _envelope(OK, MESSAGES[OK], answer)

    return handle


async def _body(request: web.Request, most: int) -> bytes:
    try:
        return await whole(request, most)
    except web.HTTPRequestEntityTooLarge as error:
        raise RestError(WRONG, MESSAGES[WRONG], f"the body has more than {most} bytes") from error


async def _file(request: web.Request, file: File) -> web.StreamResponse:
    tag = f'"{file.tag}"'
    headers = {**SAFE, "Accept-Ranges": "bytes", "ETag": tag, "Content-Disposition": _attachment(file.name)}
    if tag in _tags(request.headers.get("If-None-Match")):
        return web.Response(status=304, headers=headers)
    is_same = request.headers.get("If-Range", tag) == tag
    try:
        part = wanted_part(request.headers.get("Range"), file.size) if is_same else None
    except Unsatisfiable:
        return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{file.size}"})
    first, length = part or (0, file.size)
    file.check(length)
    if part:
        headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{file.size}"
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    response.content_type = TYPES.guess_type(file.name)[0] or OCTETS
    response.content_length = length
    return await _send(request, response, file.open(first, length))


async def _send(
    request: web.Request, response: web.StreamResponse, body: AsyncGenerator[Buffer, None]
) -> web.StreamResponse:
    """Send a body; an error before its first piece is raised, so that it can still be told."""
    async with aclosing(body) as sending:
        first = None if request.method == "HEAD" else await anext(sending, None)
        try:
            await response.prepare(request)
            await _write(request, response, first, sending)
            await response.write_eof()
        except ConnectionError:
            return response  # the client has left
        except (ZgError, TimeoutError):
            # The status has left already: an unfinished body is the only way to say that something went wrong.
            if request.transport is not None:
                request.transport.abort()
    return response


async def _write(
    request: web.Request, response: web.StreamResponse, piece: Buffer | None, more: AsyncIterator[Buffer]
) -> None:
    """Write a body piece by piece; TimeoutError when the client reads it too slowly."""
    pace, clock = request.app.get(PACE, Pace()), asyncio.get_running_loop().time
    left = pace.idle
    while piece is not None:
        began = clock()
        async with asyncio.timeout(left):
            await response.write(piece)
        left = pace.credit(left, clock() - began, len(piece))
        piece = await anext(more, None)


def _attachment(name: str) -> str:
    """`Content-Disposition` of a file called `name` (RFC 6266): plain for old clients, exact for the others."""
    plain = "".join(each if " " <= each <= "~" and each not in '"\\' else "_" for each in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _tags(header: str | None) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in (header or "").split(",")]


def _refusal(error: ZgError) -> web.Response:
    if isinstance(error, RestError):
        return _envelope(error.code, error.message, error.data)
    if isinstance(error, Invalid):
        return _envelope(WRONG, MESSAGES[WRONG], str(error), 408 if isinstance(error, Idle) else 200)
    status = 503 if isinstance(error, Busy) else 500
    return _envelope(INTERNAL, MESSAGES[INTERNAL], str(error), status)


def _envelope(code: int, message: str, data: object, status: int = 200) -> web.Response:
    body = json.dumps({"code": code, "message": message, "data": data}).encode()
    return web.Response(body=body, status=status, content_type="application/json")
