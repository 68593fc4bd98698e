"""HTTP servers of workers: routes, cross-origin access, limits, an orderly start and stop."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from offchain.errors import BadSettings, Busy
from offchain.net.audience import Audience, Everybody
from offchain.net.body import PACE, ROOM, Room, written
from offchain.net.pace import IDLE_SECONDS, LEAST_RATE, Pace
from offchain.net.remote import asker, remote_of
from offchain.net.shares import Shares

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Routes = list[tuple[str, str, Handler]]
"""Method, path, handler."""

SLOW = 408
LINGER = 5.0  # seconds that open requests have to end when the server stops


@dataclass(frozen=True, slots=True)
class Limits:
    """What strangers may take. Sizes in bytes, times in seconds.

    `max_requests` are worked on at once, `max_per_address` of them for one address, all where it is None;
    `max_waiting` more wait for their turn, further ones are told to come back. A client pauses at most `max_idle` and
    moves at least `min_rate` bytes per second. Bodies and answers in memory at once take `max_bodies` together, half of
    it for one address, or what the largest body takes. `proxies` are addresses of which the header X-Forwarded-For is
    believed.
    """

    max_body: int
    max_requests: int
    max_idle: float = IDLE_SECONDS
    max_per_address: int | None = None
    max_waiting: int = 512
    min_rate: int = LEAST_RATE
    max_bodies: int = 256 << 20
    proxies: tuple[str, ...] = ()


@asynccontextmanager
async def serving(address: str, routes: Routes, limits: Limits, audience: Audience | None = None) -> AsyncIterator[str]:
    """Serve `routes` to `audience`, everybody by default, at `address` ("host:port", port 0 for any); yields the URL.

    BadSettings when the address is taken.
    """
    logging.getLogger("aiohttp.server").addFilter(_NOISE)
    runner = web.AppRunner(
        application(routes, limits, audience or Everybody()),
        access_log=None,
        shutdown_timeout=LINGER,
        auto_decompress=False,  # nobody packs requests, except to make a server unpack a thousand times as much
    )
    host, port = split(address)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise BadSettings(f"nothing can listen at {address}: {error.strerror}; choose another address") from error
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def application(routes: Routes, limits: Limits, audience: Audience) -> web.Application:
    """The aiohttp application that answers `routes` to `audience`, within `limits`."""

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(audience.headers)

    app = web.Application(client_max_size=limits.max_body, middlewares=[_gate(limits, audience)])
    app[PACE] = Pace(limits.max_idle, limits.min_rate)
    app.on_response_prepare.append(add_headers)
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    return app


def split(address: str) -> tuple[str, int]:
    """Host and port of "host:port"; BadSettings when it is not that."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise BadSettings(f"{address!r} is no address: write host:port, for example 127.0.0.1:5678")
    return host, int(port)


def _gate(limits: Limits, audience: Audience) -> Middleware:
    waiting = limits.max_waiting
    seconds = 2 * limits.max_idle  # those who do nothing have lost their places by then
    each = limits.max_per_address or limits.max_requests
    places = Shares("too many requests at once", limits.max_requests, each, waiting)
    most = max(limits.max_bodies, limits.max_body)
    memory = Shares("too many large requests at once", most, max(most // 2, limits.max_body), waiting)

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if reply := audience.reply(request):
            return reply
        address = remote_of(request, limits.proxies)
        asker.set(address)
        try:
            await places.take(address, 1, seconds)
        except Busy as busy:
            return _come_back(busy)
        room = request[ROOM] = Room(memory, address, seconds)
        try:
            if request.transport is None or request.transport.is_closing():
                return web.Response()  # the client has left while it waited
            response = await handler(request)
            if isinstance(response, web.Response):
                await written(request, response)  # here, for while it is sent it takes a place and memory
            if response.status == SLOW:
                request.protocol.force_close()  # instead of reading the rest, at the same pace
            return response
        except Busy as busy:
            return _come_back(busy)
        finally:
            room.leave()
            places.give(address, 1)

    return gate


def _come_back(busy: Busy) -> web.Response:
    return web.Response(status=503, text=str(busy), headers={"Retry-After": "1"})


class _Noise(logging.Filter):
    """Drops what strangers could fill the log with: requests that are no HTTP, connections that break."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write `record`."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | ConnectionError)


_NOISE = _Noise()
