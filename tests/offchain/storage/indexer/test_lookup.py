import pytest

from offchain.errors import Invalid
from offchain.net.rest import RestError
from offchain.protocol.shards import Shard
from offchain.storage.indexer.lookup import Cid, Lookup
from tests.doubles.files import File

FILE, OTHER = File.random(1000), File.random(2000)
HEX = FILE.root.hex()


@pytest.fixture
def lookup(fleet):
    return Lookup(fleet)


def code(call):
    with pytest.raises(RestError) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "cid"),
    [
        ("0", Cid(0)),
        (" 17 ", Cid(17)),
        (str((1 << 64) - 1), Cid((1 << 64) - 1)),
        (HEX, Cid(None, (FILE.root,))),
        ("0x" + HEX.upper(), Cid(None, (FILE.root,))),
        (f"0x{HEX},{OTHER.root.hex()}", Cid(None, (FILE.root, OTHER.root))),
        ("11" * 32, Cid(None, (b"\x11" * 32,))),
    ],
)
def test_cid__number_or_roots__is_parsed(text, cid):
    assert Cid.parse(text) == cid


@pytest.mark.parametrize(
    "text", ["", "x", "0x", "-1", "1.5", str(1 << 64), HEX[:-1], HEX + "00", f"{HEX},", "９", "0x12"]
)
def test_cid__anything_else__is_refused(text):
    with pytest.raises(RestError, match="is neither a sequence number nor a root") as refused:
        Cid.parse(text)
    assert refused.value.code == 1


def test_info__complete_file__is_told_by_number_and_root(lookup, pair):
    pair.hold(FILE)
    for cid in (Cid(0), Cid(None, (FILE.root,))):
        info = lookup.info(cid)
        assert (info.root, info.seq, info.finalized, info.uploaded, info.pruned) == (FILE.root, 0, True, 1, False)


def test_info__complete_on_one_node_only__is_not_finalized(lookup, pair):
    pair.submit(FILE)
    pair.nodes[0].put(FILE)
    pair.complete()
    info = lookup.info(Cid(0))
    assert (info.finalized, info.uploaded) == (False, 0)


def test_info__unknown__is_none(lookup):
    assert lookup.info(Cid(0)) is None
    assert lookup.info(Cid(None, (FILE.root,))) is None


def test_info__several_roots__are_refused(lookup):
    assert code(lambda: lookup.info(Cid(None, (FILE.root, OTHER.root)))) == 1


def test_roots__number__is_that_of_its_file(lookup, pair):
    pair.submit(OTHER, FILE)
    assert lookup.roots(Cid(1)) == (FILE.root,)
    assert lookup.roots(Cid(None, (FILE.root, OTHER.root))) == (FILE.root, OTHER.root)
    assert code(lambda: lookup.roots(Cid(2))) == 101


def test_roots__nodes_that_disagree__are_not_believed(lookup, pair):
    pair.nodes[0].submit(FILE)
    pair.nodes[1].submit(OTHER)
    with pytest.raises(Invalid, match="^the nodes disagree about submission 0: it was announced a moment ago"):
        lookup.roots(Cid(0))


def test_holders__file__are_those_that_have_it(lookup, pair):
    assert code(lambda: lookup.holders(FILE.root)) == 101
    pair.submit(FILE)
    assert code(lambda: lookup.holders(FILE.root)) == 103
    pair.nodes[1].put(FILE)
    pair.complete()
    assert [holder.node.url for holder in lookup.holders(FILE.root)] == pair.urls[1:]
    assert lookup.holders(FILE.root)[0].node.framed


def test_holders__pruned_everywhere__says_so(lookup, pair):
    pair.hold(FILE)
    for server in pair.servers:
        server.after = lambda call, _, answer: (
            answer | {"finalized": False, "pruned": True} if call == "zgs_getFileInfo" else answer
        )
    assert code(lambda: lookup.holders(FILE.root)) == 102
    pair.servers[0].after = lambda call, _, answer: (
        answer | {"finalized": False} if call == "zgs_getFileInfo" else answer
    )
    assert code(lambda: lookup.holders(FILE.root)) == 103


def test_holders__half_of_the_flow__is_not_enough(neighbours, looked):
    file = File.random(3 << 18)
    neighbours.add(1, Shard(0, 2))
    lookup = Lookup(looked(neighbours))
    neighbours.hold(file)
    assert code(lambda: lookup.holders(file.root)) == 103
    neighbours.add(1, Shard(1, 2)).hold(file)
    assert len(Lookup(looked(neighbours)).holders(file.root)) == 2


def test_holders__different_sizes__are_refused(lookup, pair):
    pair.hold(FILE)
    pair.servers[0].after = lambda call, _, answer: (
        answer | {"tx": answer["tx"] | {"size": 999}} if call == "zgs_getFileInfo" else answer
    )
    with pytest.raises(Invalid, match=rf"^0x{HEX} is the root of 2 files"):
        lookup.holders(FILE.root)
