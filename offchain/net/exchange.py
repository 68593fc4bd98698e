"""Plain HTTP calls as workers see them: path, query and a streamed body in; a JSON value, bytes or a stream out."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from offchain.errors import Busy, Invalid, NotFound, ZgError
from offchain.net.body import Idle, awaited, pieces
from offchain.net.jsonrpc import RpcError

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: AsyncIterator[bytes]

    def number(self, name: str, default: int | None = None) -> int:
        """The path or query value `name` as a number from 0; Invalid when it is none."""
        text = self.path.get(name, self.query.get(name))
        if text is None and default is not None:
            return default
        if text is None or not text.isdecimal() or len(text) > 20:
            raise Invalid(f"{name} must be a number, not {text!r}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Stream:
    """A body that is sent piece by piece; `length` in bytes when known."""

    pieces: AsyncGenerator[Buffer, None]
    length: int | None = None
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    """A body of text."""

    body: bytes
    content_type: str
    status: int = 200


Answer = Stream | Text | dict[str, Any] | list[Any]
Exchange = Callable[[Call], Awaitable[Answer]]


def adapt(exchange: Exchange) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler that lets `exchange` answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(request.match_info, request.query, pieces(request))
        try:
            answer = await exchange(call)
        except ZgError as error:
            return _refusal(error)
        if isinstance(answer, Stream):
            return await _send(request, answer)
        if isinstance(answer, Text):
            headers = {"Content-Type": answer.content_type}
            return web.Response(body=answer.body, status=answer.status, headers=headers)
        return _json(answer)

    return handle


async def _send(request: web.Request, stream: Stream) -> web.StreamResponse:
    response = web.StreamResponse(headers=dict(stream.headers))
    response.content_type = stream.content_type
    response.content_length = stream.length
    try:
        async with aclosing(stream.pieces) as sending:
            await response.prepare(request)
            async for piece in sending:
                async with awaited(request, "the client read nothing"):
                    await response.write(piece)
        await response.write_eof()
    except ConnectionError:
        return response  # the client has left
    except ZgError:
        # The status has left already: an unfinished body is the only way to say that something went wrong.
        if request.transport is not None:
            request.transport.abort()
    return response


def _refusal(error: ZgError) -> web.Response:
    if isinstance(error, RpcError):
        return _json({"code": error.code, "message": error.message, "data": error.data}, 400)
    statuses = {NotFound: 404, Busy: 503, Idle: 408, Invalid: 400}
    status = next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)
    return _json({"code": status, "message": str(error), "data": None}, status)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), status=status, content_type="application/json")
