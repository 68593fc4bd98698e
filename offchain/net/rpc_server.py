"""Answers JSON-RPC over HTTP POST: one call or a batch, always with status 200 once the body was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from offchain.errors import Busy, Invalid, NotFound, ZgError
from offchain.net import jsonrpc
from offchain.net.body import Idle, whole
from offchain.net.jsonrpc import Request, RpcError
from offchain.net.parameters import Handler, Signature

MAX_BATCH = 64
MAX_ANSWER = 10 << 20  # bytes; a batch that has reached them is not worked on any further


class Observer(Protocol):
    """Who is told of every call, for logs and metrics."""

    def called(self, method: str, error: RpcError | None) -> None:
        """`method` was answered; `error` when it failed."""


class RpcServer:
    """Methods by name, served at POST / of an aiohttp application."""

    def __init__(self, methods: Mapping[str, Handler], observer: Observer, max_body: int) -> None:
        """`max_body` in bytes."""
        self._methods = {name: (handler, Signature(handler)) for name, handler in methods.items()}
        self._observer = observer
        self._max_body = max_body

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one HTTP request."""
        try:
            body = await whole(request, self._max_body)
        except Idle as idle:
            error = RpcError(jsonrpc.INVALID_REQUEST, "Invalid request", str(idle))
            return _json(jsonrpc.failure(None, error), status=408)
        except web.HTTPRequestEntityTooLarge:
            error = RpcError(jsonrpc.TOO_BIG, "Request is too big", f"Exceeded max limit of {self._max_body}")
            return _json(jsonrpc.failure(None, error), status=413)
        answer = await self.answer(body)
        return web.Response(status=200) if answer is None else _json(answer)

    async def answer(self, body: bytes) -> Any:
        """The answer to a request body, None when it holds notifications only."""
        try:
            value = jsonrpc.parse(body)
            if not isinstance(value, list):
                return await self._one(value)
            if not 1 <= len(value) <= MAX_BATCH:
                raise RpcError(jsonrpc.INVALID_REQUEST, "Invalid request", f"a batch holds 1 to {MAX_BATCH} requests")
        except RpcError as error:
            return jsonrpc.failure(None, error)
        answers, size = list[dict[str, Any]](), 0
        for each in value:
            answer = await self._one(each, may_be_called=size < MAX_ANSWER)
            if answer is not None:
                answers.append(answer)
                size += jsonrpc.length(answer)
        return answers or None

    async def _one(self, value: Any, may_be_called: bool = True) -> dict[str, Any] | None:
        method, is_notification = "invalid", False
        try:
            request = jsonrpc.request(value)
            method = request.method if request.method in self._methods else "unknown"
            is_notification = request.is_notification
            if not may_be_called:
                raise RpcError(jsonrpc.ANSWER_TOO_BIG, "Response is too big", f"Exceeded max limit of {MAX_ANSWER}")
            result = await self._call(request)
        except RpcError as error:
            self._observer.called(method, error)
            return None if is_notification else jsonrpc.failure(jsonrpc.id_of(value), error)
        self._observer.called(method, None)
        return None if is_notification else jsonrpc.success(request.id, result)

    async def _call(self, request: Request) -> Any:
        if request.method not in self._methods:
            raise RpcError(jsonrpc.METHOD_NOT_FOUND, "Method not found", request.method)
        handler, signature = self._methods[request.method]
        arguments = signature.decode(request.params)
        try:
            return await handler(*arguments)
        except RpcError:
            raise
        except Invalid as error:
            raise RpcError(jsonrpc.INVALID_PARAMS, "Invalid params", str(error)) from error
        except (Busy, NotFound) as error:
            raise RpcError(jsonrpc.SERVER_ERROR, str(error)) from error
        except ZgError as error:
            raise RpcError(jsonrpc.INTERNAL_ERROR, "Internal error", str(error)) from error


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=jsonrpc.encode(value).encode(), status=status, content_type="application/json")
