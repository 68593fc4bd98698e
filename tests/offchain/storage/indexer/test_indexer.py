import asyncio
import json

import pytest
from aiohttp import ClientSession

from offchain.errors import BadSettings
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context
from offchain.runtime.settings import read_settings
from offchain.storage.indexer.indexer import Indexer, indexer
from offchain.storage.indexer.settings import IndexerSettings
from tests.doubles.cluster import free_port
from tests.doubles.files import File
from tests.doubles.running import run_service

FILE = File.random(1000)


@pytest.fixture
def made(pair):
    """An indexer of two nodes that has looked at them."""
    made = Indexer(settings(pair), Metrics("storage-indexer", "0"))
    run_service(made.services[1])
    return made


def settings(pair, **flags):
    named = {"nodes": ",".join(pair.urls), "listen": f"127.0.0.1:{free_port()}"}
    return read_settings(IndexerSettings, named | flags, environment={})


class Visitor:
    """Stops the service once its visit is over."""

    def __init__(self, url, visit):
        self.url, self.visit, self.told = url, visit, None

    def now(self):
        return 0.0

    async def wait(self, event, seconds):
        async with ClientSession() as session:
            self.told = await self.visit(session, self.url)
        event.set()


def visited(made, visit):
    """What `visit` returns of a running indexer."""
    visitor = Visitor(f"http://{made._settings.listen}", visit)

    async def main():
        await made.services[0].run(Context(asyncio.Event(), visitor, lambda: None))

    asyncio.run(main())
    return visitor.told


async def get(session, url, path):
    async with session.get(url + path) as answer:
        return answer.status, await answer.read()


def test_services__look_and_serve(made):
    assert [service.name for service in made.services] == ["serve", "watch nodes"]


def test_serve__health__tells_the_healthy_nodes(made, pair):
    status, body = visited(made, lambda session, url: get(session, url, "/health"))
    assert (status, json.loads(body)) == (200, {"ok": True, "nodes": pair.urls, "of": 2})


def test_serve__no_healthy_node__is_not_healthy(made, pair):
    for server in pair.servers:
        server.down = True
    run_service(made.services[1])
    status, body = visited(made, lambda session, url: get(session, url, "/health"))
    assert (status, body) == (503, b"no storage node is healthy\n")


def test_serve__metrics__count_healthy_nodes_and_calls(made):
    async def visit(session, url):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "indexer_getShardedNodes"})
        async with session.post(url, data=body) as answer:
            assert len((await answer.json())["result"]["trusted"]) == 2
        return await get(session, url, "/metrics")

    status, body = visited(made, visit)
    assert status == 200
    assert b"healthy_nodes 2.0" in body
    assert b'method="indexer_getShardedNodes",outcome="ok"' in body


def test_serve__rest_and_rpc__are_at_one_address(made, pair):
    pair.hold(FILE)
    status, body = visited(made, lambda session, url: get(session, url, "/file?txSeq=0"))
    assert (status, body) == (200, FILE.data)


def test_indexer__without_nodes__cannot_run(pair):
    empty = settings(pair, nodes=",")
    with pytest.raises(BadSettings, match="^an indexer needs nodes to list: set --nodes$"):
        indexer(empty, Metrics("storage-indexer", "0")).__enter__()


def test_indexer__address_that_is_taken__cannot_run(pair):
    async def main():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        taken = server.sockets[0].getsockname()[1]
        with pytest.raises(BadSettings):
            indexer(settings(pair, listen=f"127.0.0.1:{taken}"), Metrics("storage-indexer", "0")).__enter__()
        server.close()

    asyncio.run(main())
