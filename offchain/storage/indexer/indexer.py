"""The indexer: its parts, made and wired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from offchain.errors import BadSettings
from offchain.net.exchange import Answer, Call, Text, adapt
from offchain.net.http_server import Routes, serving, split
from offchain.net.rest import adapt_rest
from offchain.net.rpc_server import RpcServer
from offchain.runtime import checks
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import CONTENT_TYPE, Metrics
from offchain.runtime.service import Context, Service
from offchain.runtime.threads import in_thread
from offchain.storage.calls import Calls
from offchain.storage.indexer.api import IndexerApi
from offchain.storage.indexer.fleet import Fleet
from offchain.storage.indexer.gateway import Gateway
from offchain.storage.indexer.lookup import Lookup
from offchain.storage.indexer.rest_api import RestApi
from offchain.storage.indexer.settings import IndexerSettings

log = get_logger("indexer")

NAP = 1.0


@contextmanager
def indexer(settings: IndexerSettings, metrics: Metrics) -> Iterator[Sequence[Service]]:
    """The services of an indexer; BadSettings when it cannot run."""
    if not settings.nodes:
        raise BadSettings("an indexer needs nodes to list: set --nodes")
    checks.require(checks.port_problems(*split(settings.listen)))
    yield Indexer(settings, metrics).services


class Indexer:
    """Looks at nodes and tells about them."""

    def __init__(self, settings: IndexerSettings, metrics: Metrics) -> None:
        """Nothing runs before the services do."""
        self._settings = settings
        self._metrics = metrics
        self._fleet = Fleet(settings.nodes, settings.node_timeout, settings.max_lag, flow=settings.flow)
        api = IndexerApi(self._fleet, settings.cache_for)
        rpc = RpcServer(api.methods, Calls(metrics), settings.max_body)
        lookup = Lookup(self._fleet)
        gateway = Gateway(lookup, settings.max_downloads, settings.max_download)
        rest = RestApi(self._fleet, lookup, gateway, settings.max_body)
        plain = [("/health", self._health), ("/metrics", self._exposed)]
        self._routes: Routes = [
            ("POST", "/", rpc.handle),
            *(("GET", path, adapt(tell)) for path, tell in plain),
            *((method, path, adapt_rest(exchange)) for method, path, exchange in rest.routes),
        ]
        metrics.gauge("healthy_nodes", "Nodes that are listed.").set_function(lambda: len(self._fleet.healthy()))

    @property
    def services(self) -> list[Service]:
        """Everything that runs."""
        return [Service("serve", self._serve), Service.repeating("watch nodes", self._look)]

    async def _look(self) -> float:
        await in_thread(self._fleet.look)
        return self._settings.check_every

    async def _serve(self, context: Context) -> None:
        async with serving(self._settings.listen, self._routes, self._settings.limits) as url:
            log.info("listening", url=url)
            while not context.stopping:
                context.progress()
                await context.pause(NAP)

    async def _health(self, _: Call) -> Answer:
        healthy = [member.url for member in self._fleet.healthy()]
        told = {"ok": bool(healthy), "nodes": healthy, "of": len(self._fleet.all())}
        return told if healthy else Text(b"no storage node is healthy\n", "text/plain", 503)

    async def _exposed(self, _: Call) -> Answer:
        return Text(self._metrics.exposition(), CONTENT_TYPE)
