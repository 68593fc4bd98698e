"""The node's two addresses: the public one, and the operator's on the loopback."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from offchain.net.audience import Audience, Everybody, Operator
from offchain.net.exchange import Answer, Call, Exchange, Text, adapt
from offchain.net.http_server import Limits, Routes, serving, split
from offchain.net.rpc_server import RpcServer
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import CONTENT_TYPE, Metrics
from offchain.runtime.service import Context, Service
from offchain.storage.calls import Calls
from offchain.storage.node.zgs_api import Method

log = get_logger("server")

STALE_SECONDS = 60.0  # without a look at the chain, after which the node counts as unhealthy
NAP = 1.0


class NodeServer:
    """Serves the public methods on `listen` to everybody; on `listen_admin`, with its own, to the operator."""

    def __init__(
        self,
        listen: str,
        listen_admin: str,
        admin_hosts: Sequence[str],
        limits: Limits,
        public: Mapping[str, Method],
        admin: Mapping[str, Method],
        exchanges: list[tuple[str, str, Exchange]],
        health: Callable[[], dict[str, Any]],
        metrics: Metrics,
    ) -> None:
        """`admin_hosts` are names that the operator calls by; `health` tells `ok` and whatever else helps."""
        calls = Calls(metrics)
        plain: list[tuple[str, str, Exchange]] = [("GET", "/health", self._health), ("GET", "/metrics", self._metrics)]
        adapted = [(method, path, adapt(exchange)) for method, path, exchange in [*exchanges, *plain]]
        rpc, admin_rpc = (RpcServer(methods, calls, limits.max_body) for methods in (public, {**public, **admin}))
        self._served: list[tuple[str, Routes, Audience]] = [
            (listen, [("POST", "/", rpc.handle), *adapted], Everybody()),
            (
                listen_admin,
                [("POST", "/", admin_rpc.handle), *adapted],
                Operator([split(listen_admin)[0], *admin_hosts]),
            ),
        ]
        self._limits = limits
        self._tell_health = health
        self._measured = metrics
        self.urls: list[str] = []

    @property
    def service(self) -> Service:
        """Serves until the node stops."""
        return Service("serve", self._run)

    async def _run(self, context: Context) -> None:
        async with AsyncExitStack() as stack:
            self.urls = [
                await stack.enter_async_context(serving(address, routes, self._limits, audience))
                for address, routes, audience in self._served
            ]
            log.info("listening", public=self.urls[0], admin=self.urls[1])
            while not context.stopping:
                context.progress()
                await context.pause(NAP)

    async def _health(self, _: Call) -> Answer:
        told = self._tell_health()
        return told if told["ok"] else Text(_text(told), "text/plain", 503)

    async def _metrics(self, _: Call) -> Answer:
        return Text(self._measured.exposition(), CONTENT_TYPE)


class Heartbeat:
    """Whether the chain was looked at lately."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Counts as alive at first."""
        self._now = now
        self._last = now()

    def beat(self) -> None:
        """The chain was looked at."""
        self._last = self._now()

    @property
    def alive(self) -> bool:
        """Whether that was lately."""
        return self._now() - self._last < STALE_SECONDS


def _text(told: Mapping[str, Any]) -> bytes:
    return "".join(f"{name}: {value}\n" for name, value in told.items()).encode()
