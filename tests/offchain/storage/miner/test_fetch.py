"""Fetching from storage nodes: whatever they send, only what the flow's roots commit to becomes a load."""

import pytest

from offchain.errors import PeerUnavailable
from offchain.protocol.shards import Shard
from offchain.storage.client.network import Network
from offchain.storage.miner.fetch import LOOK_SECONDS, Sources
from tests.doubles.clock import FakeClock
from tests.doubles.files import File
from tests.doubles.flow_log import FLOW

SEGMENT = 262_144
URLS = ["http://one.test", "http://two.test"]
FILES = [File.random(700, 1), File.random(21 * SEGMENT + 5, 2), File.random(90_000, 3), File.random(SEGMENT, 4)]


class Place:
    """A miner, storage nodes, and its sources among them."""

    def __init__(self, miner, make_node, web, **shards):
        self.miner, self.clock, self.web = miner, FakeClock(), web
        self.nodes, self.servers = [], []
        for file in FILES:
            miner.submit(file)
        miner.open_epoch()
        for url in URLS:
            node = make_node(url[7:], shard=shards.get(url))
            node.hold(*FILES)
            self.nodes.append(node)
            self.servers.append(node.serve(web, url))
        self.sources = self.sources_of(URLS)

    def sources_of(self, urls, identity=(31337, FLOW)):
        return Sources(Network(urls, None, frames=True), identity, self.clock.now)

    def plans(self, loads=None):
        wanted = range(self.miner.planner.sealable() // 1024) if loads is None else loads
        return [self.miner.planner.plan(load) for load in wanted]

    def assert_all(self, fetched, count):
        model = self.miner.model()
        assert len(fetched.loads) == count
        for load in fetched.loads:
            first = load.plan.position
            assert load.data == b"".join(model.raw(first + 16 * unit) for unit in range(64))


@pytest.fixture
def place(miner, make_node, web):
    return Place(miner, make_node, web)


def test_loads__all_of_a_flow__are_its_bytes(place):
    plans = place.plans()
    fetched = place.sources.loads(plans)
    assert fetched.missing == {}
    place.assert_all(fetched, len(plans))


def test_loads__one_file__is_asked_for_in_runs(place):
    plans = [plan for plan in place.plans() if plan.steps]
    place.sources.loads(plans[:20])
    asked = [call for server in place.servers for call in server.calls if "segments" in call]
    assert len(asked) == 2


def test_loads__nodes_without_frames__are_its_bytes(miner, make_node, web):
    place = Place(miner, make_node, web)
    for node, url in zip(place.nodes, URLS, strict=True):
        node.serve(web, url, framed=False)
    plans = place.plans(range(0, 40, 7))
    place.assert_all(place.sources.loads(plans), len(plans))


def test_loads__nodes_with_half_of_the_flow_each__together_have_all(miner, make_node, web):
    place = Place(miner, make_node, web, **{URLS[0]: Shard(0, 2), URLS[1]: Shard(1, 2)})
    plans = place.plans()
    place.assert_all(place.sources.loads(plans), len(plans))


def lie(answer):
    """The same segment with another last byte."""
    return {**answer, "data": answer["data"][:-8] + "AAAAAA=="}


def test_loads__node_that_lies__the_other_one_is_asked(place):
    for node, url in zip(place.nodes, URLS, strict=True):
        server = node.serve(place.web, url, framed=False)
        server.after = lambda call, params, answer, url=url: (
            lie(answer) if "Proof" in call and url == URLS[0] else answer
        )
    plans = place.plans()
    fetched = place.sources.loads(plans)
    assert fetched.missing == {}
    place.assert_all(fetched, len(plans))


def test_loads__all_nodes_lie__the_file_is_missing_and_the_others_are_there(place):
    for node, url in zip(place.nodes, URLS, strict=True):
        server = node.serve(place.web, url, framed=False)
        server.after = lambda call, params, answer: lie(answer) if "Proof" in call and params[0] == 1 else answer
    plans = place.plans()
    fetched = place.sources.loads(plans)
    assert list(fetched.missing) == [1]
    assert "not what the root commits to" in fetched.missing[1]
    place.assert_all(fetched, len([plan for plan in plans if 1 not in {part.entry.seq for part in plan.parts}]))


def test_loads__file_that_no_node_has__is_missing_until_nodes_are_looked_at_again(place):
    late = File.random(3 * SEGMENT, 9)
    place.miner.submit(late)
    place.miner.open_epoch()
    plans = place.plans()[-2:]
    assert "no storage node has all of it" in place.sources.loads(plans).missing[4]
    for node in place.nodes:
        node.hold(late)
    assert place.sources.loads(plans).missing
    place.clock.sleep(LOOK_SECONDS + 1)
    place.assert_all(place.sources.loads(plans), 2)


def test_loads__nodes_that_answer_of_another_fork__are_not_asked_for_data(make_miner, make_node, web):
    place = Place(make_miner(), make_node, web)
    other = make_miner("other")
    for file in [File.random(700, 1), File.random(21 * SEGMENT + 5, 7)]:
        other.submit(file)
    other.open_epoch()
    plans = [other.planner.plan(load) for load in (33, 34)]
    calls = [list(server.calls) for server in place.servers]
    assert list(place.sources.loads(plans).missing) == [1]
    asked = [call for server, before in zip(place.servers, calls, strict=True) for call in server.calls[len(before) :]]
    assert not any("segments" in call for call in asked)


def test_loads__node_that_went_away__the_other_one_gives_all(place):
    place.sources.loads(place.plans()[:1])
    place.servers[1].down = True
    plans = place.plans()
    place.assert_all(place.sources.loads(plans), len(plans))


def test_loads__no_node_answers__says_so(place):
    for server in place.servers:
        server.down = True
    with pytest.raises(PeerUnavailable, match="no storage node can be used"):
        place.sources.loads(place.plans()[:1])


def test_loads__node_of_another_chain__is_refused_by_name(place):
    sources = place.sources_of(URLS, (1, FLOW))
    with pytest.raises(PeerUnavailable, match="one.test follows .* on chain 31337"):
        sources.loads(place.plans()[:1])


def test_loads__node_of_another_flow_among_them__is_passed_over(place, make_node, web):
    def elsewhere(call, params, answer):
        if call != "zgs_getStatus":
            return answer
        return answer | {"networkIdentity": answer["networkIdentity"] | {"flowAddress": "0x" + "99" * 20}}

    make_node("stranger").serve(web, "http://stranger.test").after = elsewhere
    sources = place.sources_of(["http://stranger.test", *URLS])
    plans = place.plans()
    place.assert_all(sources.loads(plans), len(plans))


def test_loads__gap__needs_no_node(place):
    for server in place.servers:
        server.down = True
    gaps = [plan for plan in place.plans() if not plan.parts]
    assert gaps and [load.data for load in place.sources.loads(gaps).loads] == [bytearray(SEGMENT)] * len(gaps)
