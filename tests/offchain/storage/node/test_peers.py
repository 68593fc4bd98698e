from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from offchain.errors import Invalid, PeerUnavailable, RemoteRefused
from offchain.protocol.shards import Shard
from offchain.storage.node.peers import Identity, Peers
from tests.doubles.flow_log import FLOW
from tests.doubles.node_parts import IDENTITY
from tests.doubles.running import run_service

URL = "http://peer"


@pytest.fixture
def server(web, make_node):
    return make_node("peer", shard=Shard(1, 2)).serve(web, URL)


def looked(peers):
    with capture_logs() as logs:
        run_service(peers.service)
    (peer,) = peers.all()
    return peer, logs


def refusing(error):
    def refuse(call, _):
        raise error

    return refuse


def test_look__peer_that_answers__is_connected_with_its_shard(server):
    peers = Peers([URL], IDENTITY, lambda: 1234.5)
    assert (peers.all()[0].connected, peers.connected()) == (False, [])
    peer, _ = looked(peers)
    assert (peer.url, peer.connected, peer.shard, peer.last_seen, peer.problem) == (URL, True, Shard(1, 2), 1234.5, "")
    assert peers.connected() == [peer]


def test_look__flow_in_another_spelling__is_the_same(server):
    server.after = lambda call, _, answer: (
        answer | {"networkIdentity": answer["networkIdentity"] | {"flowAddress": FLOW.upper().replace("X", "x")}}
        if call == "zgs_getStatus"
        else answer
    )
    assert looked(Peers([URL], IDENTITY))[0].connected


@pytest.mark.parametrize("identity", [Identity(1, FLOW), Identity(31337, "0x" + "11" * 20)])
def test_look__peer_of_another_flow__is_not_connected_and_says_why(server, identity):
    peer, _ = looked(Peers([URL], identity))
    assert (peer.connected, peer.problem) == (False, f"it follows {FLOW} on chain 31337")


@pytest.mark.parametrize("error", [PeerUnavailable("it is silent"), RemoteRefused(URL, -32000, "no")])
def test_look__peer_that_fails__is_gone_until_it_answers_again(server, error):
    peers = Peers([URL], IDENTITY)
    before, _ = looked(peers)
    server.before = refusing(error)
    peer, logs = looked(peers)
    assert peer == replace(before, connected=False, problem=str(error))
    assert [(each["event"], each["connected"], each["problem"]) for each in logs] == [("peer", False, str(error))]
    assert looked(peers)[1] == []
    server.before = lambda *_: None
    peer, logs = looked(peers)
    assert peer.connected
    assert [each["connected"] for each in logs] == [True]


@pytest.mark.parametrize("method", ["zgs_getShardConfig", "zgs_getStatus"])
@pytest.mark.parametrize(
    "told",
    [
        None,
        5,
        "x",
        [],
        {},
        {"shardId": 5, "numShard": 3},
        {"shardId": "0", "numShard": "1"},
        {"shardId": None, "numShard": 1},
        {"networkIdentity": None},
        {"networkIdentity": {"chainId": "x", "flowAddress": 5}, "logSyncHeight": [], "nextTxSeq": {}},
    ],
)
def test_look__peer_that_speaks_nonsense__is_not_connected_and_harms_nobody(server, method, told):
    server.after = lambda call, _, answer: told if call == method else answer
    peer, _ = looked(Peers([URL], IDENTITY))
    assert not peer.connected
    assert peer.problem.startswith(URL)


def test_look__several_peers__are_all_looked_at(web, make_node):
    urls = [f"http://peer-{number}" for number in range(3)]
    for url in urls[:2]:
        make_node(url[7:]).serve(web, url)
    peers = Peers(urls, IDENTITY)
    clock = run_service(peers.service)
    assert [peer.connected for peer in peers.all()] == [True, True, False]
    assert clock.waited == [2.0]


def test_peer__id__is_made_of_its_url_alone():
    one, two = (Peers([url], IDENTITY).all()[0].id for url in ("http://a", "http://b"))
    assert one == Peers(["http://a/"], IDENTITY).all()[0].id
    assert (len(one), one != two) == (40, True)


def test_peers__url_that_is_none__is_refused():
    with pytest.raises(Invalid, match="is no URL of a server"):
        Peers(["localhost:5678"], IDENTITY)


def test_peers__credentials_in_a_url__are_not_shown():
    (peer,) = Peers(["http://user:secret@host:5678"], IDENTITY).all()
    assert peer.url == "http://host:5678"
