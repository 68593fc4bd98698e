"""Where the operator looks: /health and /metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from offchain.net.exchange import Answer, Call, Text, adapt
from offchain.net.http_server import Limits, Routes, serving
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import CONTENT_TYPE, Metrics
from offchain.runtime.service import Context, Service

log = get_logger("server")

NAP = 1.0
LIMITS = Limits(max_body=1 << 10, max_requests=16)


class Endpoint:
    """Serves two pages."""

    def __init__(self, address: str, health: Callable[[], dict[str, Any]], metrics: Metrics) -> None:
        """`health` tells `ok` and whatever else helps the operator."""
        self._address = address
        self._tell_health = health
        self._metrics = metrics
        self._routes: Routes = [("GET", "/health", adapt(self._health)), ("GET", "/metrics", adapt(self._exposed))]

    @property
    def service(self) -> Service:
        """Serves until the worker stops."""
        return Service("serve", self._run)

    async def _run(self, context: Context) -> None:
        async with serving(self._address, self._routes, LIMITS) as url:
            log.info("listening", url=url)
            while not context.stopping:
                context.progress()
                await context.pause(NAP)

    async def _health(self, _: Call) -> Answer:
        told = self._tell_health()
        if told["ok"]:
            return told
        return Text("".join(f"{name}: {value}\n" for name, value in told.items()).encode(), "text/plain", 503)

    async def _exposed(self, _: Call) -> Answer:
        return Text(self._metrics.exposition(), CONTENT_TYPE)
