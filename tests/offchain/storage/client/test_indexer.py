import pytest

from offchain.errors import PeerUnavailable
from offchain.protocol.shards import Shard
from offchain.storage.client.indexer import IndexerClient
from tests.doubles.neighbours import INDEXER

ROOT = b"\x11" * 32
NODE = {"url": "http://a", "config": {"shardId": 1, "numShard": 2}, "latency": 5, "since": 7}


@pytest.fixture
def ask(web):
    """A client of an indexer that answers `told` to every method."""

    def serve(told):
        async def located(root: str):
            return told

        web.serve(INDEXER, {"indexer_getShardedNodes": answered(told), "indexer_getFileLocations": located})
        return IndexerClient(web.client(INDEXER))

    return serve


def answered(told):
    async def answer():
        return told

    return answer


def test_nodes__trusted_and_discovered__come_in_this_order(ask):
    other = NODE | {"url": "http://b", "config": {"shardId": 0, "numShard": 1}}
    client = ask({"trusted": [NODE], "discovered": [other]})
    assert client.nodes() == [("http://a", Shard(1, 2)), ("http://b", Shard())]


def test_nodes__lists_that_are_null__are_empty(ask):
    assert ask({"trusted": None, "discovered": None}).nodes() == []


@pytest.mark.parametrize("told", [None, [], "x", 5])
def test_nodes__answer_of_no_indexer__is_refused(ask, told):
    with pytest.raises(PeerUnavailable, match="lists no nodes: is it an indexer"):
        ask(told).nodes()


@pytest.mark.parametrize(
    "node",
    [
        {},
        5,
        {"url": "http://a"},
        {"url": "http://a", "config": {"shardId": 2, "numShard": 2}},
        {"url": "http://a", "config": {"shardId": 0, "numShard": 3}},
        {"url": "http://a", "config": {"shardId": "x", "numShard": 1}},
        {"url": "http://a", "config": {"shardId": float("inf"), "numShard": 1}},
        {"url": "http://a", "config": {"shardId": 0.5, "numShard": True}},
        NODE | {"url": 5},
        NODE | {"url": ""},
        NODE | {"url": "http://[a"},
        NODE | {"url": "http://\ud800"},
    ],
)
def test_nodes__node_that_makes_no_sense__is_refused(ask, node):
    with pytest.raises(PeerUnavailable, match="describes its nodes in an unknown way$"):
        ask({"trusted": [node]}).nodes()


@pytest.mark.parametrize("kind", ["trusted", "discovered"])
@pytest.mark.parametrize("told", [True, 5, "x", {"a": 1}, [None], [[]]])
def test_nodes__lists_that_are_none__are_refused(ask, kind, told):
    with pytest.raises(PeerUnavailable, match="describes its nodes in an unknown way$"):
        ask({"trusted": [NODE], kind: told}).nodes()


@pytest.mark.parametrize("told", [True, 5, "x", {"a": 1}, [None]])
def test_holders__answer_that_is_no_list__is_refused(ask, told):
    with pytest.raises(PeerUnavailable, match="describes its nodes in an unknown way$"):
        ask(told).holders(ROOT)


def test_holders__known_and_unknown_file__are_told(ask):
    assert ask([NODE]).holders(ROOT) == [("http://a", Shard(1, 2))]
    assert ask(None).holders(ROOT) == []
