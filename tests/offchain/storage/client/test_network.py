import threading

import pytest

from offchain.errors import Invalid, NotFound, PeerUnavailable, RemoteRefused, WrongChain
from offchain.protocol.shards import Shard
from offchain.storage.client.choice import Ambiguous
from offchain.storage.client.network import Network, gathered
from tests.doubles.files import File
from tests.doubles.flow_log import FLOW
from tests.doubles.neighbours import INDEXER

FILE = File.random(1000)


def urls(nodes):
    return [node.url for node in nodes]


def told(changes):
    """A server whose status tells something else."""
    return lambda call, _, answer: answer | changes(answer) if call == "zgs_getStatus" else answer


def test_nodes__named_ones__are_asked_once_and_remembered(pair):
    network = Network(pair.urls, None)
    for _ in range(3):
        assert urls(network.nodes()) == pair.urls
    assert pair.servers[0].calls.count("zgs_getStatus") == 1


def test_nodes__named_twice_or_with_a_slash__are_one(pair):
    network = Network([pair.urls[0], pair.urls[0], pair.urls[0] + "/"], None)
    assert urls(network.nodes()) == pair.urls[:1]


def test_nodes__known_to_an_indexer__are_asked_there(pair):
    pair.serve_indexer()
    assert urls(Network([], INDEXER).nodes()) == pair.urls


def test_nodes__named_beside_an_indexer__are_preferred(pair):
    pair.serve_indexer()
    assert urls(Network(pair.urls[1:], INDEXER).nodes()) == pair.urls[1:]


def test_network__without_nodes_and_indexer__is_refused():
    with pytest.raises(Invalid, match="^no nodes are known: name at least one node, or an indexer$"):
        Network([], None)


def test_nodes__one_is_away__the_others_serve_and_the_problem_is_told(pair):
    pair.servers[0].down = True
    network = Network(pair.urls, None)
    assert urls(network.nodes()) == pair.urls[1:]
    assert network.problems == {pair.urls[0]: "http://node-1 does not answer"}


def test_nodes__none_answers__says_why_of_each(pair):
    for server in pair.servers:
        server.down = True
    with pytest.raises(PeerUnavailable) as unavailable:
        Network(pair.urls, None).nodes()
    assert str(unavailable.value) == (
        "no storage node can be used:\n  http://node-1: http://node-1 does not answer"
        "\n  http://node-2: http://node-2 does not answer"
    )


def test_nodes__indexer_that_lists_none__says_so(pair):
    pair.serve_indexer(trusted=[])
    with pytest.raises(PeerUnavailable, match="no storage node can be used: the indexer lists none"):
        Network([], INDEXER).nodes()


@pytest.mark.parametrize("field", ["chainId", "flowAddress"])
def test_nodes__of_two_flows__are_refused(pair, field):
    other = {"chainId": 5, "flowAddress": "0x" + "99" * 20}[field]
    pair.servers[1].after = told(lambda answer: {"networkIdentity": answer["networkIdentity"] | {field: other}})
    with pytest.raises(WrongChain, match="^http://node-1 and http://node-2 follow different flows"):
        Network(pair.urls, None).nodes()


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_nodes__one_of_another_flow__is_left_out_and_told(neighbours, liar):
    neighbours.add(3)
    neighbours.servers[liar].after = told(
        lambda answer: {"networkIdentity": answer["networkIdentity"] | {"chainId": 5}}
    )
    network, stray = Network(neighbours.urls, None), neighbours.urls[liar]
    assert urls(network.nodes()) == [url for url in neighbours.urls if url != stray]
    assert network.problems == {stray: f"{stray} follows {FLOW} on chain 5"}


def test_nodes__flow_that_is_known__is_that_of_those_that_follow_it(pair):
    pair.servers[0].after = told(lambda answer: {"networkIdentity": answer["networkIdentity"] | {"chainId": 5}})
    for chain_id, url in ((5, pair.urls[0]), (31337, pair.urls[1])):
        assert urls(Network(pair.urls, None, identity=(chain_id, FLOW)).nodes()) == [url]
    with pytest.raises(WrongChain, match="^http://node-1 follows 0x.* on chain 5; http://node-2 follows "):
        Network(pair.urls, None, identity=(6, FLOW)).nodes()


def test_nodes__same_flow_in_another_spelling__is_one(pair):
    shouted = {"flowAddress": FLOW.upper().replace("X", "x")}
    pair.servers[1].after = told(lambda answer: {"networkIdentity": answer["networkIdentity"] | shouted})
    assert len(Network(pair.urls, None).nodes()) == 2


def test_nodes__of_other_implementations__are_known_to_have_no_frames(neighbours):
    neighbours.add(1)
    neighbours.add(1, framed=False)
    assert [node.framed for node in Network(neighbours.urls, None).nodes()] == [True, False]
    assert [node.framed for node in Network(neighbours.urls, None, frames=False).nodes()] == [False, False]


def test_for_upload__replicas__takes_as_few_nodes_as_hold_them(neighbours):
    neighbours.add(2)
    neighbours.add(1, Shard(0, 2))
    neighbours.add(1, Shard(1, 2))
    network = Network(neighbours.urls, None)
    assert urls(network.for_upload(1)) == neighbours.urls[:1]
    assert urls(network.for_upload(3)) == neighbours.urls
    with pytest.raises(NotFound, match="^4 nodes cannot hold 4 replicas: ask for fewer, or name more nodes$"):
        network.for_upload(4)


def test_holders__file_on_both_nodes__are_both(pair, network):
    pair.hold(FILE)
    holders = network.holders(FILE.root)
    assert [holder.node.url for holder in holders] == pair.urls
    assert {(holder.info.root, holder.info.size) for holder in holders} == {(FILE.root, 1000)}


def test_holders__file_that_one_has_complete__is_that_one(pair, network):
    pair.submit(FILE)
    pair.nodes[1].put(FILE)
    pair.nodes[1].shelf.complete(FILE.content)
    assert [holder.node.url for holder in network.holders(FILE.root)] == pair.urls[1:]


def test_holders__file_that_nobody_has__says_how_far_it_came(pair, network):
    with pytest.raises(NotFound, match=f"^no node has 0x{FILE.root.hex()}$"):
        network.holders(FILE.root)
    pair.submit(FILE)
    with pytest.raises(NotFound, match="yet: it was submitted, but no node has all of it$"):
        network.holders(FILE.root)


@pytest.mark.parametrize("error", [PeerUnavailable("silent"), RemoteRefused("http://node-1", -32000, "no")], ids=str)
def test_holders__node_that_fails__is_passed_over_and_told(pair, network, error):
    pair.hold(FILE)

    def refuse(call, _):
        if call == "zgs_getFileInfo":
            raise error

    pair.servers[0].before = refuse
    assert [holder.node.url for holder in network.holders(FILE.root)] == pair.urls[1:]
    assert pair.urls[0] in network.problems


def test_holders__node_that_tells_of_another_file__is_passed_over(pair, network):
    other = File.random(999, 1)
    pair.hold(FILE, other)
    pair.servers[0].after = lambda call, _, answer: (
        pair.nodes[0].zgs._info(pair.nodes[0].catalog.find(other.root)) if call == "zgs_getFileInfo" else answer
    )
    assert [holder.node.url for holder in network.holders(FILE.root)] == pair.urls[1:]


def test_holders__nodes_that_tell_different_sizes__are_refused(pair, network):
    pair.hold(FILE)
    pair.servers[0].after = lambda call, _, answer: (
        answer | {"tx": answer["tx"] | {"size": 999}} if call == "zgs_getFileInfo" else answer
    )
    with pytest.raises(Ambiguous) as ambiguous:
        network.holders(FILE.root)
    assert [each.size for each in ambiguous.value.files] == [999, 1000]


def test_holders__indexer_that_names_one__only_that_is_asked(pair):
    pair.hold(FILE)
    pair.serve_indexer(holders=[pair._shown(1)])
    network = Network([], INDEXER)
    assert [holder.node.url for holder in network.holders(FILE.root)] == pair.urls[1:]
    assert "zgs_getFileInfo" not in pair.servers[0].calls


def test_holders__indexer_that_names_nobody_or_fails__all_are_asked(pair):
    pair.hold(FILE)
    indexer = pair.serve_indexer(holders=[])
    network = Network([], INDEXER)
    assert len(network.holders(FILE.root)) == 2

    def refuse(call, _):
        if call == "indexer_getFileLocations":
            raise PeerUnavailable("gone")

    indexer.before = refuse
    assert len(network.holders(FILE.root)) == 2


def test_close__all_connections__are_closed(pair):
    pair.serve_indexer()
    network = Network([], INDEXER)
    network.nodes()
    network.close()
    with pytest.raises(PeerUnavailable):
        network.holders(FILE.root)


def test_gathered__calls__run_side_by_side_and_keep_their_order():
    both = threading.Barrier(3, timeout=10)
    assert gathered(lambda each: (both.wait(), each)[1], "abc") == ["a", "b", "c"]
    assert gathered(str, []) == []
