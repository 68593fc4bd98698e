import pytest

from offchain.errors import Busy, DiskFull, NotFound, PeerUnavailable, RemoteRefused
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.node import sync
from tests.doubles.files import File
from tests.doubles.flow_log import made_up
from tests.doubles.neighbours import Announced

FILE = File.random(3 * SEGMENT_BYTES + 700)
ONE, TWO = "http://peer-one", "http://peer-two"


@pytest.mark.parametrize("framed", [True, False])
def test_fetch__peer_that_has_the_file__completes_it(network, framed):
    network.peer(ONE, framed)
    here = network.node()
    network.hold(FILE)
    fetch = network.fetch()
    assert (fetch.state, fetch.peers, fetch.next) == ("Completed", {"Completed": 1}, 4 * 1024)
    assert here.completes(FILE)
    for index in FILE.segments:
        assert here.shelf.segment(FILE.content, index) == FILE.segment(index)


def test_fetch__part_is_here_already__asks_only_for_the_rest(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    here.put(FILE, [0, 2])
    asked = []
    network.servers[ONE].before = lambda call, params: asked.append(params) if call.endswith("/segments") else None
    assert network.fetch().state == "Completed"
    assert asked == [{"first": "1", "count": "1"}, {"first": "3", "count": "1"}]


def test_fetch__everything_is_here__asks_nobody(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    here.put(FILE)
    network.look()
    network.servers[ONE].calls.clear()
    here.sync.start(0)
    network.run()
    assert (here.sync.fetch_of(0).state, network.servers[ONE].calls) == ("Completed", [])


def test_fetch__two_half_shards__are_both_asked(network):
    network.peer(ONE, shard=Shard(0, 2))
    network.peer(TWO, shard=Shard(1, 2))
    here = network.node()
    network.hold(FILE)
    assert network.fetch().peers == {"Completed": 2}
    assert here.completes(FILE)


def test_fetch__node_with_a_shard__takes_only_what_it_owns(network):
    network.peer(ONE)
    here = network.node(shard=Shard(1, 2))
    network.hold(FILE)
    assert network.fetch().state == "Completed"
    assert here.shelf.stored(FILE.content) == 2
    assert here.completes(FILE)


def test_fetch__sectors_of_a_range__fetches_the_segments_around_them(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    fetch = network.fetch(0, 1024, 2049)
    assert (fetch.state, fetch.first, fetch.end) == ("Completed", 1024, 2049)
    assert [index for index in FILE.segments if index not in here.missing(here.catalog.entry(0))] == [1, 2]


@pytest.mark.parametrize("framed", [True, False])
def test_fetch__lying_peer_beside_an_honest_one__is_passed_over(network, framed):
    liar = network.peer(ONE, framed, verify=False)
    network.peer(TWO, framed)
    here = network.node()
    network.hold(FILE)
    liar.damage(FILE, 1)
    fetch = network.fetch()
    assert fetch.state == "Completed"
    assert fetch.peers == {"Disconnected": 1, "Completed": 1}
    assert here.completes(FILE)
    assert here.shelf.data(FILE.content, 1) == FILE.segment_data(1)


def test_fetch__only_a_lying_peer__keeps_what_was_true_and_tells_the_lie(network):
    liar = network.peer(ONE, verify=False)
    here = network.node()
    network.hold(FILE)
    liar.damage(FILE, 2)
    fetch = network.fetch()
    assert fetch.state == f"Failed: 2 segments were not found; {ONE}: proof: validation failed"
    assert here.missing(here.catalog.entry(0)) == [2, 3]


def test_fetch__peer_without_the_file__fails_and_says_so(network):
    network.peer(ONE)
    network.node()
    network.hold(FILE, lacking=[ONE])
    state = network.fetch().state
    assert state.startswith(f"Failed: 4 segments were not found; {ONE}: ")


def test_fetch__no_peer_connected__fails(network):
    network.node()
    network.submit(FILE)
    assert network.fetch().state == "Failed: 4 segments were not found"


@pytest.mark.parametrize(
    "error",
    [
        PeerUnavailable("silent"),
        RemoteRefused(ONE, -32000, "no"),
        NotFound("gone"),
        Busy("full"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("framed", [True, False])
def test_fetch__peer_that_fails__is_told_and_the_next_one_asked(network, error, framed):
    network.peer(ONE, framed)
    network.peer(TWO, framed)
    here = network.node()
    network.hold(FILE)
    network.look()

    def fail(call, _):
        raise error

    network.servers[ONE].before = fail
    here.sync.start(0)
    network.run()
    assert here.sync.fetch_of(0).state == "Completed"
    assert here.sync.fetch_of(0).peers == {"Disconnected": 1, "Completed": 1}


def answering(told):
    """What a peer without frames says when asked for a segment."""
    return lambda call, _, answer: told if call == "zgs_downloadSegmentWithProofByTxSeq" else answer


@pytest.mark.parametrize("told", [5, "x", [], {}, {"root": 5}, {"data": None, "root": "0x", "index": "x", "proof": []}])
def test_fetch__peer_that_speaks_nonsense__is_passed_over(network, told):
    network.peer(ONE, framed=False)
    network.node()
    network.hold(FILE)
    network.servers[ONE].after = answering(told)
    assert network.fetch().state == f"Failed: 4 segments were not found; {ONE}: {ONE} answered with no segment"


def test_fetch__peer_that_has_lost_a_segment__is_passed_over(network):
    network.peer(ONE, framed=False)
    network.node()
    network.hold(FILE)
    network.servers[ONE].after = answering(None)
    assert network.fetch().state == f"Failed: 4 segments were not found; {ONE}: segment 0 is not there"


def test_fetch__disk_full_here__fails_and_says_so(network, monkeypatch):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)

    def full(_):
        raise DiskFull("this node's disk is full, upload to another one")

    monkeypatch.setattr(here.shelf, "put", full)
    assert network.fetch().state.endswith(f"{ONE}: this node's disk is full, upload to another one")


def test_fetch__submission_taken_back_meanwhile__fails(network):
    network.peer(ONE)
    here = network.node()
    network.hold(FILE)
    network.look()
    fetch = here.sync.start(0)
    here.roll_back(0)
    network.run()
    assert fetch.state == "Failed: the submission was taken back"


def test_fetch__file_of_many_terabytes_that_nobody_has__is_told_without_counting(network):
    network.peer(ONE, shard=Shard(3, 4))
    here = network.node(shard=Shard(1, 2))
    huge = Announced(made_up(1 << 53))
    network.submit(huge)
    assert network.fetch().state.startswith(f"Failed: {1 << 34} segments were not found; {ONE}: ")
    assert here.shelf.lacking(here.catalog.entry(0).content, range(10)) == 10


def test_fetch__more_gaps_than_are_looked_for_at_once__are_all_closed(network, monkeypatch):
    monkeypatch.setattr(sync, "MAX_GAPS", 1)
    network.peer(ONE)
    here = network.node()
    long = File.random(9 * SEGMENT_BYTES)
    network.hold(long)
    here.put(long, [1, 3, 4, 6])
    assert network.fetch().state == "Completed"
    assert here.completes(long)


def test_fetch__after_a_restart__goes_on_with_what_is_missing(network, make_node):
    network.peer(ONE)
    here = network.node(automatic=True)
    network.hold(FILE)
    here.put(FILE, [0, 1])
    here.close()
    again = make_node("here", peers=[ONE], automatic=True, flow=here.flow)
    assert again.sync.fetches() == []
    network.here = again
    network.look()
    network.run()
    assert again.sync.fetch_of(0).peers == {"Completed": 1}
    assert again.completes(FILE)
