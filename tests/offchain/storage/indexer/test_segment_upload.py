import base64

import pytest

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.wire import proof_to_json, segment_to_json
from tests.doubles.files import File
from tests.doubles.recursion import limit_of_workers

LARGE = File.random(7 * SEGMENT_BYTES + 700)
SMALL = File(b"<h1>hello</h1>")


def posted(file, number, /, **changes):
    return segment_to_json(file.segment(number), file.leaf(number)) | changes


@pytest.mark.parametrize("by", ["root", "txSeq"])
def test_segment__all_of_a_file__reach_so_many_nodes(pair, served, by):
    pair.submit(LARGE)
    browser = served(pair)
    for index in LARGE.segments:
        body = posted(LARGE, index, expectedReplica=2) | ({"txSeq": 0} if by == "txSeq" else {})
        answer = browser.post("/file/segment", body)
        assert (answer.code, answer.data) == (0, "Succeeded to upload segment")
    assert [node.shelf.stored(LARGE.content) for node in pair.nodes] == [8, 8]


def test_segment__size__tells_which_file_of_a_root_is_meant(pair, served):
    longer = File(SMALL.data + b"\0")
    pair.submit(SMALL, longer)
    browser = served(pair)
    assert browser.post("/file/segment", posted(longer, 0, size=longer.size)).code == 0
    assert browser.post("/file/segment", posted(longer, 0, size=longer.size + 1)).code == 101
    assert browser.post("/file/segment", posted(longer, 0, size="x")).code == 1
    assert sum(node.shelf.stored(longer.content) for node in pair.nodes) == 1
    assert sum(node.shelf.stored(SMALL.content) for node in pair.nodes) == 0


@pytest.mark.parametrize("replicas", [None, 0, 1])
def test_segment__no_number_of_replicas__is_one(pair, served, replicas):
    pair.submit(SMALL)
    served(pair).post("/file/segment", posted(SMALL, 0, **({} if replicas is None else {"expectedReplica": replicas})))
    assert sum(node.shelf.stored(SMALL.content) for node in pair.nodes) == 1


def test_segment__halves_of_the_flow__get_only_what_they_own(halves_served):
    halves, browser = halves_served
    halves.submit(LARGE)
    for index in LARGE.segments:
        assert browser.post("/file/segment", posted(LARGE, index)).code == 0
    assert [node.shelf.stored(LARGE.content) for node in halves.nodes] == [4, 4]


@pytest.fixture
def halves_served(neighbours, served):
    neighbours.add(1, Shard(0, 2))
    neighbours.add(1, Shard(1, 2))
    return neighbours, served(neighbours)


def test_segment__that_is_there_already__is_no_error(pair, served):
    pair.hold(SMALL)
    assert served(pair).post("/file/segment", posted(SMALL, 0)).code == 0


def test_segment__of_an_unknown_file__has_code_101(pair, served):
    assert served(pair).post("/file/segment", posted(SMALL, 0)).code == 101


def test_segment__more_replicas_than_nodes__is_refused(pair, served):
    pair.submit(SMALL)
    answer = served(pair).post("/file/segment", posted(SMALL, 0, expectedReplica=3))
    assert (answer.status, answer.data) == (500, "2 nodes cannot hold 3 replicas")


WRONG_PROOF = proof_to_json(LARGE.tree.proof(1))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"index": 1}, "not what the root commits to"),
        ({"index": 8}, "no segment 8"),
        ({"index": -1}, "-1 is no count"),
        ({"data": ""}, "has 262144 bytes, not 0"),
        ({"data": base64.b64encode(bytes(SEGMENT_BYTES)).decode()}, "not what the root commits to"),
        ({"data": base64.b64encode(bytes(300)).decode()}, "bytes, not 300"),
        ({"data": "?"}, "base64"),
        ({"data": None}, "argument should be"),
        ({"proof": WRONG_PROOF}, "not what the root commits to"),
        ({"proof": {"lemma": [], "path": []}}, "proof hashes instead of"),
        ({"proof": None}, "a proof has a lemma"),
        ({"root": "0x12"}, "a hash is 32 bytes"),
        ({"txSeq": "0"}, "'0' is no count"),
        ({"expectedReplica": -1}, "-1 is no count"),
    ],
    ids=str,
)
def test_segment__that_is_wrong__is_refused_with_code_1(pair, served, changes, reason):
    pair.submit(LARGE)
    answer = served(pair).post("/file/segment", posted(LARGE, 0, **changes))
    assert (answer.status, answer.code) == (200, 1)
    assert reason in answer.data
    assert [node.shelf.stored(LARGE.content) for node in pair.nodes] == [0, 0]


def test_segment__proof_with_another_path__is_refused(pair, served):
    """A prover who may choose the path can prove a segment at several places."""
    pair.submit(LARGE)
    proof = posted(LARGE, 0)["proof"]
    turned = proof | {"path": [not each for each in proof["path"]]}
    answer = served(pair).post("/file/segment", posted(LARGE, 0, proof=turned))
    assert (answer.code, "the proof is not that of this segment" in answer.data) == (1, True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"null", b"{}", b"\xff", b"[" * 100_000])
def test_segment__body_that_is_none__is_refused_with_code_1(pair, served, body):
    with limit_of_workers():
        assert served(pair).post("/file/segment", body).code == 1


def test_segment__body_beyond_the_limit__is_refused_with_code_1(pair, served):
    answer = served(pair).post("/file/segment", bytes((1 << 20) + 1))
    assert (answer.code, answer.data) == (1, "the body has more than 1048576 bytes")
