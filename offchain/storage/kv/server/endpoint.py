"""The server's two addresses: the public one, and the operator's on the loopback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from offchain.net.audience import Audience, Everybody, Operator
from offchain.net.exchange import Answer, Call, Text, adapt
from offchain.net.http_server import Limits, Routes, serving, split
from offchain.net.rpc_server import RpcServer
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import CONTENT_TYPE, Metrics
from offchain.runtime.service import Context, Service
from offchain.storage.calls import Calls
from offchain.storage.kv.server.api import Method

log = get_logger("server")

NAP = 1.0


class Endpoint:
    """Serves the public methods at the first address to everybody; at the second, with its own, to the operator."""

    def __init__(
        self,
        addresses: tuple[str, str],
        admin_hosts: Sequence[str],
        limits: Limits,
        public: Mapping[str, Method],
        admin: Mapping[str, Method],
        health: Callable[[], dict[str, Any]],
        metrics: Metrics,
    ) -> None:
        """`admin_hosts` are names that the operator calls by; `health` tells `ok` and whatever else helps."""
        calls = Calls(metrics)
        plain: Routes = [("GET", "/health", adapt(self._health)), ("GET", "/metrics", adapt(self._metrics))]
        rpc, admin_rpc = (RpcServer(methods, calls, limits.max_body) for methods in (public, {**public, **admin}))
        listen, listen_admin = addresses
        self._served: list[tuple[str, Routes, Audience]] = [
            (listen, [("POST", "/", rpc.handle), *plain], Everybody()),
            (listen_admin, [("POST", "/", admin_rpc.handle), *plain], Operator([split(listen_admin)[0], *admin_hosts])),
        ]
        self._limits = limits
        self._tell_health = health
        self._measured = metrics
        self.urls: list[str] = []

    @property
    def service(self) -> Service:
        """Serves until the worker stops."""
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
        if told["ok"]:
            return told
        return Text("".join(f"{name}: {value}\n" for name, value in told.items()).encode(), "text/plain", 503)

    async def _metrics(self, _: Call) -> Answer:
        return Text(self._measured.exposition(), CONTENT_TYPE)
