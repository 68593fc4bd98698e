"""JSON-RPC and paths that nobody honest asks for: each gets a clear answer, and nothing that is wrong is kept."""

import json

import pytest

from tests.doubles.cluster import PRICE
from tests.doubles.narrow_node import frames_path, narrow_cluster, unharmed
from tests.doubles.raw_client import answer_to, head, post
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

SEGMENT = 262_144
HUGE = [1 << 31, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with narrow_cluster(tmp_path_factory.mktemp("requests")) as cluster:
        yield cluster


@pytest.fixture
def node(cluster):
    with unharmed(cluster) as node:
        yield node


def rpc_error(node, body):
    """Code and words of the error that a body gets; the node answers all of them with JSON."""
    _, answer = node.post(body)
    error = json.loads(answer)["error"]
    return error["code"], f"{error['message']} {error.get('data', '')}"


# JSON-RPC.

MALFORMED = {
    "nothing": (b"", -32700),
    "no JSON": (b"{", -32700),
    "no text": (b"\xff\xfe\x00", -32700),
    "deeply nested": (b"[" * 100_000, -32700),
    "a huge number": (b'{"jsonrpc": "2.0", "id": 1, "method": "x", "params": [' + b"9" * 5000 + b"]}", -32700),
    "a number": (b"5", -32600),
    "an empty batch": (b"[]", -32600),
    "a batch of thousands": (json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "x"}] * 5000).encode(), -32600),
    "another version": (b'{"id": 1, "method": "zgs_getStatus"}', -32600),
    "a method of numbers": (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
    "an id of lists": (b'{"jsonrpc": "2.0", "id": [1], "method": "zgs_getStatus"}', -32600),
    "an unknown method": (b'{"jsonrpc": "2.0", "id": 1, "method": "__init__"}', -32601),
    "named parameters": (b'{"jsonrpc": "2.0", "id": 1, "method": "zgs_getFileInfo", "params": {"root": 1}}', -32602),
}


@pytest.mark.parametrize("body", MALFORMED, ids=str)
def test_rpc__malformed__is_told_what_is_wrong(node, body):
    data, code = MALFORMED[body]
    assert rpc_error(node, data)[0] == code


WRONG_PARAMETERS = {
    "none": [],
    "too many": ["0x" + "ab" * 32, True, 1],
    "a short root": ["0xab"],
    "a root without 0x": ["ab" * 32],
    "a root of spaces": ["0x" + " a" * 32],
    "a number for a root": [5],
    "a word for a flag": ["0x" + "ab" * 32, "yes"],
    "null": [None],
}


@pytest.mark.parametrize("params", WRONG_PARAMETERS, ids=str)
def test_rpc__wrong_parameters__are_named(node, params):
    with pytest.raises(Refused) as refused:
        node.call("zgs_getFileInfo", *WRONG_PARAMETERS[params])
    assert refused.value.code == -32602
    assert refused.value.data


@pytest.mark.parametrize("value", [-1, 1.5, "1", True, [], {}, 1 << 64], ids=str)
def test_rpc__what_is_no_number__is_refused(node, value):
    for method in ("zgs_getFileInfoByTxSeq", "zgs_getDataByNodeIndex", "zgs_getHashAtNodeIndex", "zgs_getSectorProof"):
        with pytest.raises(Refused) as refused:
            node.call(method, value)
        assert refused.value.code == -32602


@pytest.mark.parametrize("value", HUGE, ids=hex)
def test_rpc__huge_numbers__are_answered(node, cluster, value):
    sample = cluster.sample
    for method in ("getFileInfoByTxSeq", "checkFileFinalized", "getDataByNodeIndex", "getMetaDataByNodeIndex"):
        assert node.call(f"zgs_{method}", value) is None
    assert node.zgs_getHashAtNodeIndex(value) is None
    assert node.zgs_downloadSegmentWithProofByTxSeq(value, 0) is None
    for call in (
        lambda: node.zgs_getSectorProof(value, None),
        lambda: node.zgs_downloadSegmentWithProof(sample.hex, value),
        lambda: node.zgs_downloadSegmentByTxSeq(cluster.seq, value, value),
        lambda: node.zgs_downloadSegmentByTxSeq(cluster.seq, 0, value),
        lambda: node.zgs_uploadSegmentByTxSeq(sample.posted(0) | {"index": value}, cluster.seq),
        lambda: node.zgs_uploadSegmentByTxSeq(sample.posted(0) | {"fileSize": value}, cluster.seq),
        lambda: node.admin.admin_startSyncFile(value),
        lambda: node.admin.admin_startSyncChunks(cluster.seq, 0, value),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code in (-32602, -32603, -32000)
    assert node.admin.admin_getSyncStatus(value) == "unknown"
    assert node.admin.admin_terminateSync(value) is False


def test_upload__unknown_sequence_number__waits_or_is_refused(node, cluster):
    sample = Sample(1000, seed="unknown number")
    for value in (cluster.seq + 1000, *HUGE):
        try:
            node.zgs_uploadSegmentByTxSeq(sample.posted(0), value)
        except Refused as refused:
            assert "already" in f"{refused.message} {refused.data}"


def test_rpc__unknown_roots__have_nothing(node):
    unknown = "0x" + "cd" * 32
    assert node.zgs_getFileInfo(unknown, False) is None
    assert node.zgs_checkFileFinalized(unknown) is None
    assert node.zgs_downloadSegment(unknown, 0, 1) is None
    assert node.zgs_downloadSegmentWithProof(unknown, 0) is None
    with pytest.raises(Refused, match="never had this root"):
        node.zgs_getSectorProof(1, unknown)


def changed(segment, at, value):
    """A segment whose proof has another hash, or another flag, at a place."""
    proof = {name: list(items) for name, items in segment["proof"].items()}
    proof["lemma" if isinstance(value, str) else "path"][at] = value
    return segment | {"proof": proof}


WRONG_SEGMENTS = {
    "no data": lambda s: s | {"data": ""},
    "half a sector": lambda s: s | {"data": "AAAA" * 32},
    "a sector too few": lambda s: s | {"data": s["data"][: -256 * 4 // 3 // 4 * 4]},
    "other data": lambda s: s | {"data": "BBBB" + s["data"][4:]},
    "no base64": lambda s: s | {"data": "!" * len(s["data"])},
    "a number as data": lambda s: s | {"data": 1},
    "an index beyond the end": lambda s: s | {"index": 9},
    "another index": lambda s: s | {"index": 2},
    "a negative index": lambda s: s | {"index": -1},
    "another size": lambda s: s | {"fileSize": s["fileSize"] + 256},
    "no size": lambda s: s | {"fileSize": 0},
    "another root": lambda s: s | {"root": "0x" + "ee" * 32},
    "a wrong sibling": lambda s: changed(s, 1, "0x" + "ee" * 32),
    "a wrong leaf": lambda s: changed(s, 0, "0x" + "ee" * 32),
    "another way up": lambda s: changed(s, 0, not s["proof"]["path"][0]),
    "an empty proof": lambda s: s | {"proof": {"lemma": [], "path": []}},
    "a proof too long": lambda s: s | {"proof": {"lemma": s["proof"]["lemma"] * 2, "path": s["proof"]["path"] * 2}},
    "a thousand hashes": lambda s: s | {"proof": {"lemma": ["0x" + "11" * 32] * 1000, "path": [True] * 998}},
    "no proof": lambda s: {name: value for name, value in s.items() if name != "proof"},
}


@pytest.mark.parametrize("wrong", WRONG_SEGMENTS, ids=str)
def test_upload__wrong_segment__is_refused_and_nothing_is_kept(node, cluster, wrong):
    sample = Sample(3 * SEGMENT, seed=wrong)
    [seq] = cluster.chain.submit(sample)
    node.wait_for(seq)
    with pytest.raises(Refused) as refused:
        node.zgs_uploadSegmentByTxSeq(WRONG_SEGMENTS[wrong](sample.posted(1)), seq)
    assert refused.value.code in (-32602, -32603)
    assert refused.value.data
    assert node.info(seq)["uploadedSegNum"] == 0
    upload(node, seq, sample)
    node.wait_finalized(seq)


def test_submission__reverted_on_the_chain__changes_nothing(node, cluster):
    sample = Sample(5000, seed="reverted")
    before = node.zgs_getStatus()["nextTxSeq"]
    unpaid = cluster.chain.submission(sample) | {"value": hex(PRICE), "gas": hex(500_000)}
    assert cluster.chain.transact(**unpaid)["status"] == "0x0"
    node.wait_synced()
    assert node.zgs_getStatus()["nextTxSeq"] == before
    assert node.zgs_getFileInfo(sample.hex, False) is None


# Paths.

ODD_PATHS = [
    "/v1/files/../../node.sqlite/segments",
    "/v1/files/..%2f..%2fnode.sqlite/segments",
    "/v1/files/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/v1/files//segments",
    "/v1/files/%00-1/missing",
    f"/v1/files/{'ab' * 32}-0/missing",
    f"/v1/files/{'ab' * 32}--5/missing",
    f"/v1/files/{'ab' * 32}-{1 << 60}/missing",
    f"/v1/files/{'ab' * 32}-{'9' * 5000}/missing",
    f"/v1/files/{'ab' * 32}-1e3/segments?first=0",
    f"/v1/files/{'ab' * 31}-5/missing",
    f"/v1/files/{'ab' * 33}-5/missing",
    f"/v1/files/{'zz' * 32}-5/missing",
    f"/v1/files/{'ab' * 32}/missing",
    "/v1/files/" + "a" * 7000,
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: path[:40])
def test_path__odd__is_not_found_and_reaches_no_file(node, path):
    before = sorted(node.data.rglob("*"))
    assert answer_to(node, head("GET", path))[9:12] in (b"400", b"404")
    assert answer_to(node, post(path, 5) + b"12345")[9:12] in (b"400", b"404", b"405")
    assert sorted(node.data.rglob("*")) == before


ODD_QUERIES = [
    "first=-1",
    "first=x",
    "first=99",
    "first=0&count=0",
    "first=0&count=99",
    "count=1",
    f"first={1 << 70}",
    f"first=0&count={'9' * 500}",
    "first=0&first=9&count=%00",
]


@pytest.mark.parametrize("query", ODD_QUERIES, ids=lambda query: query[:30])
def test_query__out_of_bounds__is_refused(node, cluster, query):
    status, body = node.get(f"{frames_path(cluster.sample)}?{query}")
    assert status == 400
    assert json.loads(body)["message"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
def test_method__unknown__is_refused(node, method):
    assert answer_to(node, head(method, "/"))[9:12] in (b"400", b"404", b"405")
