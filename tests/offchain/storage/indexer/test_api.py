import asyncio
import json

import pytest

from offchain.errors import Invalid
from offchain.net.rpc_server import RpcServer
from offchain.protocol.shards import Shard
from offchain.storage.indexer import api as api_module
from offchain.storage.indexer.api import IndexerApi
from offchain.storage.indexer.fleet import Fleet
from tests.doubles.files import File
from tests.doubles.observer import Observed

FILE = File.random(1000)


class Clock:
    time = 0.0

    def now(self):
        return self.time


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def api(fleet, clock):
    return IndexerApi(fleet, 10.0, clock.now)


def run(coroutine):
    return asyncio.run(coroutine)


def urls(shown):
    return [node["url"] for node in shown]


def test_sharded_nodes__healthy_ones__are_all_trusted(api, pair):
    told = run(api.get_sharded_nodes())
    assert (urls(told["trusted"]), told["discovered"]) == (pair.urls, [])
    assert told["trusted"][0] == {
        "url": "http://node-1",
        "config": {"shardId": 0, "numShard": 1},
        "latency": told["trusted"][0]["latency"],
        "since": 1_700_000_000,
    }


def test_selected_nodes__replicas__are_covered_without_those_dropped(neighbours, looked):
    neighbours.add(2)
    neighbours.add(1, Shard(0, 2))
    neighbours.add(1, Shard(1, 2))
    api = IndexerApi(looked(neighbours), 10.0)
    assert urls(run(api.get_selected_nodes())["trusted"]) == neighbours.urls[:1]
    assert urls(run(api.get_selected_nodes(3))["trusted"]) == neighbours.urls
    assert urls(run(api.get_selected_nodes(1, "max"))["trusted"]) == neighbours.urls[2:]
    assert urls(run(api.get_selected_nodes(1, "min", True, neighbours.urls[:1]))["trusted"]) == neighbours.urls[1:2]
    assert run(api.get_selected_nodes(4)) == {"trusted": [], "discovered": []}


def test_selected_nodes__empty_method_of_the_public_client__is_min(api, pair):
    assert urls(run(api.get_selected_nodes(1, ""))["trusted"]) == pair.urls[:1]


def test_selected_nodes__method_that_is_none__is_refused(api):
    with pytest.raises(Invalid, match="^nodes are selected by min, max, random or a seed"):
        run(api.get_selected_nodes(1, "best"))


def test_node_locations__hosts__are_told_without_asking_anybody_where_they_are(api):
    told = run(api.get_node_locations())
    assert set(told) == {"node-1", "node-2"}
    assert set(told["node-1"].values()) == {""}


def test_file_locations__complete_file__are_its_holders(api, pair):
    assert run(api.get_file_locations(FILE.root)) is None
    pair.submit(FILE)
    assert run(api.get_file_locations(FILE.root)) is None
    pair.nodes[1].put(FILE)
    pair.complete()
    assert urls(run(api.get_file_locations(FILE.root))) == pair.urls[1:]


def test_file_locations__known__are_remembered_for_a_while(api, pair, clock):
    pair.hold(FILE)
    for _ in range(3):
        assert urls(run(api.get_file_locations(FILE.root))) == pair.urls
    assert pair.servers[0].calls.count("zgs_getFileInfo") == 1
    clock.time = 10.0
    run(api.get_file_locations(FILE.root))
    assert pair.servers[0].calls.count("zgs_getFileInfo") == 2


def test_file_locations__unknown__is_asked_again_at_once(api, pair):
    assert run(api.get_file_locations(FILE.root)) is None
    pair.hold(FILE)
    assert urls(run(api.get_file_locations(FILE.root))) == pair.urls


def test_file_locations__many_files__are_remembered_up_to_a_limit(api, pair, monkeypatch):
    monkeypatch.setattr(api_module, "MAX_CACHED", 2)
    files = [File.random(300, seed) for seed in range(3)]
    pair.hold(*files)
    for file in files:
        run(api.get_file_locations(file.root))
    assert list(api._cache) == [files[1].root, files[2].root]


def test_methods__called_as_public_clients_do__answer(api, pair):
    server = RpcServer(api.methods, Observed(), 1 << 20)

    def call(method, **params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method} | params
        return run(server.answer(json.dumps(body).encode()))

    assert urls(call("indexer_getShardedNodes")["result"]["trusted"]) == pair.urls
    assert urls(call("indexer_getSelectedNodes", params=[1, "min", True, None])["result"]["trusted"]) == pair.urls[:1]
    assert call("indexer_getFileLocations", params=["0x" + FILE.root.hex()])["result"] is None
    assert call("indexer_getFileLocations", params=["0x12"])["error"]["code"] == -32602
    assert set(call("indexer_getNodeLocations")["result"]) == {"node-1", "node-2"}


def test_api__fleet_without_healthy_nodes__tells_none(pair):
    api = IndexerApi(Fleet(pair.urls, 5.0, 5), 10.0)
    assert run(api.get_sharded_nodes()) == {"trusted": [], "discovered": []}
    assert run(api.get_file_locations(FILE.root)) is None
    assert run(api.get_node_locations()) == {}
