import pytest
from structlog.testing import capture_logs

from offchain.errors import Invalid, PeerUnavailable, RemoteRefused
from offchain.protocol.shards import Shard
from offchain.storage.indexer.fleet import Fleet
from tests.doubles.files import File
from tests.doubles.flow_log import FLOW

FILE = File.random(1000)
OTHER = "0x" + "99" * 20


def urls(members):
    return [member.url for member in members]


def test_look__nodes_that_answer__are_healthy_with_all_that_is_known_of_them(fleet, pair):
    assert urls(fleet.healthy()) == pair.urls
    (first, _) = fleet.all()
    assert (first.shard, first.since, first.problem, first.framed) == (Shard(), 1_700_000_000, "", True)
    assert first.status.flow == FLOW
    assert first.latency >= 0


def test_fleet__before_the_first_look__nobody_is_healthy(pair):
    fleet = Fleet(pair.urls, 5.0, 5)
    assert fleet.healthy() == []
    assert [member.problem for member in fleet.all()] == ["not asked yet"] * 2


def test_fleet__url_that_is_none__is_refused(web):
    with pytest.raises(Invalid, match="is no URL of a server"):
        Fleet(["node-1:5678"], 5.0, 5)


@pytest.mark.parametrize(
    "error", [PeerUnavailable("it is silent"), RemoteRefused("http://node-1", -32000, "no")], ids=str
)
def test_look__node_that_fails__is_left_out_until_it_is_back(fleet, pair, error):
    def refuse(call, _):
        raise error

    pair.servers[0].before = refuse
    with capture_logs() as logs:
        fleet.look()
        fleet.look()
    assert urls(fleet.healthy()) == pair.urls[1:]
    assert [(line["event"], line["reason"]) for line in logs] == [("node is gone", str(error))]
    pair.servers[0].before = lambda call, _: None
    with capture_logs() as logs:
        fleet.look()
    assert urls(fleet.healthy()) == pair.urls
    assert [line["event"] for line in logs] == ["node is there"]


def test_look__node_that_was_there_before__keeps_the_time_since(fleet, pair):
    fleet._now = lambda: 9e9
    pair.servers[0].down = True
    fleet.look()
    pair.servers[0].down = False
    fleet.look()
    assert {member.since for member in fleet.all()} == {1_700_000_000}


def test_look__binary_endpoint__is_asked_for_once_per_appearance(fleet, pair):
    assert pair.servers[0].calls.count("GET /v1/status") == 1
    fleet.look()
    assert pair.servers[0].calls.count("GET /v1/status") == 1


def test_look__shard_that_changes__is_noticed(fleet, pair):
    pair.nodes[0].shelf.shard = Shard(1, 2)
    fleet.look()
    assert fleet.all()[0].shard == Shard(1, 2)


def test_healthy__node_that_lags__is_left_out(fleet, pair):
    pair.nodes[0].block = 6
    fleet.look()
    assert urls(fleet.healthy()) == pair.urls[:1]
    pair.nodes[1].block = 1
    fleet.look()
    assert urls(fleet.healthy()) == pair.urls


def astray(call, _, answer):
    """A node that follows another chain."""
    identity = answer["networkIdentity"] | {"chainId": 5, "flowAddress": OTHER} if call == "zgs_getStatus" else None
    return answer | {"networkIdentity": identity} if identity else answer


def test_healthy__two_flows_and_a_draw__are_those_of_the_first(fleet, pair):
    pair.servers[1].after = astray
    with capture_logs() as logs:
        fleet.look()
        fleet.look()
    assert urls(fleet.healthy()) == pair.urls[:1]
    event = {"event": "node follows another flow", "log_level": "warning", "url": pair.urls[1]}
    assert logs == [event | {"chain": 5, "flow": OTHER}]


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_healthy__one_of_another_flow__is_left_out_wherever_it_stands(neighbours, looked, liar):
    neighbours.add(3)
    neighbours.servers[liar].after = astray
    assert urls(looked(neighbours).healthy()) == [url for url in neighbours.urls if url != neighbours.urls[liar]]


def test_healthy__flow_that_is_set__is_that_of_those_that_follow_it(pair):
    pair.servers[0].after = astray
    for flow, listed in ((FLOW.upper(), pair.urls[1:]), (OTHER, pair.urls[:1]), ("0x" + "77" * 20, [])):
        fleet = Fleet(pair.urls, 5.0, 5, flow=flow)
        fleet.look()
        assert urls(fleet.healthy()) == listed


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_healthy__one_that_claims_an_absurd_height__pushes_nobody_out(neighbours, looked, liar):
    neighbours.add(3)
    neighbours.servers[liar].after = lambda call, _, answer: (
        answer | {"logSyncHeight": 10**12} if call == "zgs_getStatus" else answer
    )
    assert urls(looked(neighbours).healthy()) == neighbours.urls


def test_holders__file__are_those_that_have_it_complete(fleet, pair):
    assert fleet.holders(FILE.root) == []
    pair.submit(FILE)
    assert fleet.holders(FILE.root) == []
    pair.nodes[1].put(FILE)
    pair.complete()
    assert urls(fleet.holders(FILE.root)) == pair.urls[1:]


def test_holders__node_that_fails_meanwhile__is_passed_over(fleet, pair):
    pair.hold(FILE)
    pair.servers[0].down = True
    assert urls(fleet.holders(FILE.root)) == pair.urls[1:]


def test_told__nodes_that_know_a_file__say_what_they_know(fleet, pair):
    pair.submit(FILE)
    told = fleet.told(lambda client: client.file_by_seq(0))
    assert [(holder.node.url, holder.info.root, holder.info.finalized) for holder in told] == [
        (url, FILE.root, False) for url in pair.urls
    ]
    pair.servers[0].down = True
    assert [holder.node.url for holder in fleet.told(lambda client: client.file_by_seq(0))] == pair.urls[1:]
    assert fleet.told(lambda client: client.file_by_seq(1)) == []
