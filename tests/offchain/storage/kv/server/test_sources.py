import pytest

from offchain.errors import PeerUnavailable
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.kv.server.ledger import WAITING, Entry
from offchain.storage.kv.server.sources import LOOK_SECONDS, Sources
from tests.doubles.clock import FakeClock
from tests.doubles.files import File
from tests.doubles.node_parts import IDENTITY

ONE, TWO = "http://one", "http://two"
SMALL, LARGE = File.random(600), File.random(SEGMENT_BYTES + 900)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make_sources(clock):
    def make(*urls, indexer=None, identity=None):
        return Sources(urls, indexer, identity or (IDENTITY.chain_id, IDENTITY.flow), 1.0, clock.now)

    return make


def entry_of(file, seq=0, start=2):
    return Entry(seq, 1, file.root, file.size, start, b"", 0.0, WAITING, None, None, False, False, ())


def content(download):
    return b"".join(bytes(piece.data) for piece in download.pieces())


def test_download__complete_file__is_fetched(web, make_node, make_sources):
    node = make_node()
    node.serve(web, ONE)
    [entry] = node.hold(LARGE)
    assert content(make_sources(ONE).download(entry_of(LARGE, start=entry.start))) == LARGE.data


def test_download__file_that_the_nodes_do_not_have__is_none(web, make_node, make_sources):
    node = make_node()
    node.serve(web, ONE)
    node.submit(SMALL)
    assert make_sources(ONE).download(entry_of(SMALL)) is None


def test_download__from_one_of_two_nodes__is_enough(web, make_node, make_sources):
    for name, url in (("one", ONE), ("two", TWO)):
        node = make_node(name)
        node.serve(web, url)
        node.hold(SMALL) if name == "two" else node.submit(SMALL)
    assert content(make_sources(ONE, TWO).download(entry_of(SMALL))) == SMALL.data


def test_download__shards_that_hold_it_together__are_enough(web, make_node, make_sources):
    for number, url in enumerate((ONE, TWO)):
        node = make_node(url[7:], shard=Shard(number, 2))
        node.serve(web, url)
        [entry] = node.hold(LARGE)
    sources = make_sources(ONE, TWO)
    assert content(sources.download(entry_of(LARGE, start=entry.start))) == LARGE.data
    web.servers[TWO].down = True
    with pytest.raises(PeerUnavailable, match="^too few storage nodes know of the submission"):
        sources.download(entry_of(LARGE, start=entry.start))


def test_download__shard_that_owns_nothing_of_it_is_down__does_not_matter(web, make_node, make_sources):
    for number, url in enumerate((ONE, TWO)):
        node = make_node(url[7:], shard=Shard(number, 2))
        node.serve(web, url)
        node.hold(SMALL)
    sources = make_sources(ONE, TWO)
    sources.nodes()
    web.servers[TWO].down = True
    assert content(sources.download(entry_of(SMALL))) == SMALL.data


def test_download__submission_that_no_node_knows_yet__cannot_be_told(web, make_node, make_sources):
    make_node().serve(web, ONE)
    with pytest.raises(PeerUnavailable, match="too few"):
        make_sources(ONE).download(entry_of(SMALL))


@pytest.mark.parametrize("change", [{"root": b"r" * 32}, {"size": 601}, {"start": 3}])
def test_download__node_that_speaks_of_another_fork__does_not_count(web, make_node, make_sources, change):
    from dataclasses import replace

    node = make_node()
    node.serve(web, ONE)
    node.hold(SMALL)
    with pytest.raises(PeerUnavailable, match="too few"):
        make_sources(ONE).download(replace(entry_of(SMALL), **change))


def test_nodes__of_another_flow__are_not_used(web, make_node, make_sources):
    make_node().serve(web, ONE)
    with pytest.raises(PeerUnavailable, match=f"^{ONE} follows 0x(f1)+ on chain 31337$"):
        make_sources(ONE, identity=(5, IDENTITY.flow)).nodes()


def test_nodes__one_of_another_flow__is_left_out(web, make_node, make_sources):
    for name, url in (("one", ONE), ("two", TWO)):
        make_node(name).serve(web, url)
    web.servers[TWO].after = lambda call, params, answer: (
        answer | {"networkIdentity": answer["networkIdentity"] | {"chainId": 5}} if call == "zgs_getStatus" else answer
    )
    assert [node.url for node in make_sources(TWO, ONE).nodes()] == [ONE]


def test_nodes__that_fell_silent__are_left_alone_for_a_while(web, make_node, make_sources, clock):
    for name, url in (("one", ONE), ("two", TWO)):
        node = make_node(name)
        node.serve(web, url)
        node.hold(SMALL)
    sources = make_sources(ONE, TWO)
    sources.nodes()
    web.servers[TWO].down = True
    sources.download(entry_of(SMALL))
    assert [node.url for node in sources.nodes()] == [ONE]
    clock.sleep(LOOK_SECONDS + 1)
    assert [node.url for node in sources.nodes()] == [ONE, TWO]


def test_nodes__all_silent__are_asked_all_the_same(web, make_node, make_sources):
    make_node().serve(web, ONE)
    sources = make_sources(ONE)
    sources.nodes()
    web.servers[ONE].down = True
    with pytest.raises(PeerUnavailable):
        sources.download(entry_of(SMALL))
    assert [node.url for node in sources.nodes()] == [ONE]


def test_nodes__named_by_an_indexer__are_looked_up_again_after_a_while(web, make_node, make_sources, clock):
    listed = [ONE]
    make_node("one").serve(web, ONE)
    make_node("two").serve(web, TWO)

    async def lists():
        config = {"shardId": 0, "numShard": 1}
        return {"trusted": [{"url": url, "config": config} for url in listed], "discovered": []}

    web.serve("http://indexer", {"indexer_getShardedNodes": lists})
    sources = make_sources(indexer="http://indexer")
    assert [node.url for node in sources.nodes()] == [ONE]
    listed.append(TWO)
    assert [node.url for node in sources.nodes()] == [ONE]
    clock.sleep(LOOK_SECONDS + 1)
    assert [node.url for node in sources.nodes()] == [ONE, TWO]
