import base64
from dataclasses import replace

import pytest

from offchain.errors import DiskFull, RemoteRefused
from offchain.protocol import merkle
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.node.pool import MAX_FILE
from offchain.storage.wire import proof_from_json, proof_to_json, segment_to_json, to_hex
from tests.doubles.files import File
from tests.doubles.flow_log import FLOW
from tests.doubles.node_parts import BLOCK_HASH

FILE = File.random(2 * SEGMENT_BYTES + 700)
SMALL = File.random(600)
URL = "http://node"
HUGE = [1 << 62, 1 << 63, (1 << 64) - 1]


@pytest.fixture
def call(web, node):
    """Calls a method of the node as over the public RPC."""
    return serve(web, node)


def serve(web, node):
    node.serve(web, URL)
    return web.client(URL).rpc


def refusal(call, method, *params):
    with pytest.raises(RemoteRefused) as refused:
        call(method, *params)
    return refused.value.code, refused.value.message, refused.value.data


def sent(file, number, **fields):
    """A segment as public clients send it, but for some members."""
    return segment_to_json(file.segment(number), file.leaf(number)) | fields


def test_get_status__node__tells_flow_and_progress(node, call):
    node.submit(SMALL, block=17)
    assert call("zgs_getStatus") == {
        "connectedPeers": 0,
        "logSyncHeight": 17,
        "logSyncBlock": to_hex(BLOCK_HASH),
        "nextTxSeq": 1,
        "networkIdentity": {
            "chainId": 31337,
            "flowAddress": FLOW,
            "p2pProtocolVersion": {"major": 0, "minor": 4, "build": 0},
        },
    }


@pytest.mark.parametrize("by_seq", [False, True])
def test_upload_segment__all_segments__complete_the_file(node, call, by_seq):
    node.submit(FILE)
    for index in FILE.segments:
        if by_seq:
            assert call("zgs_uploadSegmentByTxSeq", sent(FILE, index), 0) is None
        else:
            assert call("zgs_uploadSegment", sent(FILE, index)) is None
    node.shelf.complete(FILE.content)
    assert call("zgs_checkFileFinalized", 0) is True


def test_upload_segments__several__are_taken_in_order_up_to_the_first_refused(node, call):
    node.submit(FILE)
    assert call("zgs_uploadSegments", [sent(FILE, 1)]) is None
    told = refusal(call, "zgs_uploadSegments", [sent(FILE, index) for index in (0, 1, 2)])
    assert told == (-32000, "segment has already been uploaded or is being uploaded", None)
    assert node.missing(node.catalog.entry(0)) == [2]
    assert call("zgs_uploadSegments", []) is None


def test_upload_segments_by_tx_seq__present_ones__are_passed_over(node, call):
    node.submit(FILE)
    assert call("zgs_uploadSegmentsByTxSeq", [sent(FILE, 1)], 0) == 1
    assert call("zgs_uploadSegmentsByTxSeq", [sent(FILE, index) for index in (0, 1, 2)], 0) == 3
    assert node.missing(node.catalog.entry(0)) == []


def test_upload_segments_by_tx_seq__bad_one__is_refused_and_ends_the_call(node, call):
    node.submit(FILE)
    bad = sent(FILE, 1, data=base64.b64encode(bytes(SEGMENT_BYTES)).decode())
    told = refusal(call, "zgs_uploadSegmentsByTxSeq", [sent(FILE, 0), bad, sent(FILE, 2)], 0)
    assert told == (-32602, "Invalid params: proof", "validation failed")
    assert node.missing(node.catalog.entry(0)) == [1, 2]


def test_upload_segment__every_refusal__has_the_public_code_and_words(node, call):
    node.hold(SMALL)
    node.submit(FILE)
    text = base64.b64encode(bytes(512)).decode()
    lemma = sent(FILE, 0)["proof"]["lemma"]
    cases = {
        ("root", "already uploaded and finalized"): (sent(SMALL, 0), 0),
        ("file_size", "segment file size not matched with tx file size"): (sent(FILE, 0, fileSize=FILE.size - 1), 1),
        ("index", "index out of bound"): (sent(FILE, 0, index=3), 1),
        ("data", "invalid data length"): (sent(FILE, 0, data=text), 1),
        ("proof", "invalid proof"): (sent(FILE, 0, proof={"lemma": lemma[:-1], "path": [True, True]}), 1),
        ("proof", "validation failed"): (sent(FILE, 0, proof={"lemma": lemma, "path": [True, False]}), 1),
        ("file_size", "file is empty"): (sent(FILE, 0, fileSize=0), 1),
        ("file_size", "file is too large"): (sent(FILE, 0, fileSize=1 << 54), 1),
    }
    for (param, reason), (segment, seq) in cases.items():
        assert refusal(call, "zgs_uploadSegmentByTxSeq", segment, seq) == (
            -32602,
            f"Invalid params: {param}",
            reason,
        )


def test_upload_segment__another_file_than_submitted__is_an_internal_error_as_clients_know_it(node, call):
    node.submit(FILE)
    told = refusal(call, "zgs_uploadSegmentByTxSeq", sent(SMALL, 0), 0)
    assert told == (-32603, "Internal error", "data root and tx seq not match")


def test_upload_segment__large_file_without_submission__is_refused(node, call):
    size = MAX_FILE + 1
    segment = sent(FILE, 0, fileSize=size)
    told = refusal(call, "zgs_uploadSegment", segment)
    assert told == (
        -32602,
        "Invalid params: file_size",
        "caching of large file when tx is unavailable is not supported",
    )


@pytest.mark.parametrize("seq", HUGE)
def test_upload_segment__number_no_submission_has__waits_for_one(node, call, seq):
    assert call("zgs_uploadSegmentByTxSeq", sent(SMALL, 0), seq) is None
    assert node.pool.holds(SMALL.content)


def test_upload_segment__disk_full_or_busy__is_a_server_error_with_the_reason(node, call, monkeypatch, make_node, web):
    def full(*_):
        raise DiskFull("this node's disk is full, upload to another one")

    monkeypatch.setattr(node.shelf, "put", full)
    assert refusal(call, "zgs_uploadSegment", sent(SMALL, 0)) == (
        -32000,
        "this node's disk is full, upload to another one",
        None,
    )
    busy = serve(web, make_node("busy", max_writing=0))
    assert refusal(busy, "zgs_uploadSegment", sent(SMALL, 0)) == (-32000, "too many data writing: 0", None)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"root": "0x12"}, "segment.root: expected a 0x-prefixed hex string of 32 bytes"),
        ({"data": "!"}, "segment.data: expected a base64 string"),
        ({"index": -1}, "segment.index: Input should be greater than or equal to 0"),
        ({"index": 1.5}, "segment.index: Input should be a valid integer"),
        ({"fileSize": True}, "segment.fileSize: Input should be a valid integer"),
        ({"proof": {"lemma": ["0x"], "path": []}}, "segment.proof.lemma.0: expected a 0x-prefixed hex string of 32"),
        ({"proof": {"lemma": [], "path": [1]}}, "segment.proof.path.0: Input should be a valid boolean"),
        ({"proof": None}, "segment.proof: Input should be"),
    ],
)
def test_upload_segment__malformed_member__is_refused_by_its_name(call, change, place):
    code, message, data = refusal(call, "zgs_uploadSegment", sent(SMALL, 0) | change)
    assert (code, message) == (-32602, "Invalid params")
    assert data.startswith(place)


def test_upload_segment__members_of_other_implementations__are_ignored(call):
    assert call("zgs_uploadSegment", sent(SMALL, 0, extra=5)) is None


@pytest.mark.parametrize(("first", "end"), [(0, 1), (0, 1024), (1000, 2000), (1023, 1025), (2048, 2051), (1500, 2051)])
def test_download_segment__any_range__is_the_sectors_of_the_file(node, call, first, end):
    node.hold(FILE)
    expected = base64.b64encode(FILE.sectors(first, end - first)).decode()
    assert call("zgs_downloadSegment", to_hex(FILE.root), first, end) == expected
    assert call("zgs_downloadSegmentByTxSeq", 0, first, end) == expected


@pytest.mark.parametrize(
    ("first", "end", "param", "reason"),
    [
        (0, 0, "end_index", "invalid chunk index"),
        (5, 4, "end_index", "invalid chunk index"),
        (0, 1025, "end_index", "exceeds maximum chunks 1024"),
        (2050, 2052, "index", "index out of bound"),
        ((1 << 64) - 2, (1 << 64) - 1, "index", "index out of bound"),
    ],
)
def test_download_segment__range_that_is_none__is_refused(node, call, first, end, param, reason):
    node.hold(FILE)
    told = (-32602, f"Invalid params: {param}", reason)
    assert refusal(call, "zgs_downloadSegment", to_hex(FILE.root), first, end) == told
    assert refusal(call, "zgs_downloadSegmentByTxSeq", 0, first, end) == told


def test_download_segment__unknown_or_not_here__is_null(node, call):
    node.submit(FILE)
    node.put(FILE, [0])
    assert call("zgs_downloadSegmentByTxSeq", 0, 0, 1024) is not None
    assert call("zgs_downloadSegmentByTxSeq", 0, 1023, 1025) is None
    assert call("zgs_downloadSegment", to_hex(SMALL.root), 0, 1) is None
    assert call("zgs_downloadSegmentWithProof", to_hex(SMALL.root), 0) is None
    assert call("zgs_downloadSegmentWithProofByTxSeq", 0, 1) is None
    for seq in (1, *HUGE):
        assert call("zgs_downloadSegmentByTxSeq", seq, 0, 1) is None
        assert call("zgs_downloadSegmentWithProofByTxSeq", seq, 0) is None


def test_download_segment__damaged_on_disk__is_null(node, call):
    node.hold(FILE)
    node.damage(FILE, 1)
    assert call("zgs_downloadSegmentByTxSeq", 0, 1024, 1025) is None
    node.damage(FILE, 2)
    assert call("zgs_downloadSegmentWithProofByTxSeq", 0, 2) is None
    assert call("zgs_checkFileFinalized", 0) is False


def test_download_segment_with_proof__every_segment__is_what_was_uploaded(node, call):
    node.hold(FILE)
    for index in FILE.segments:
        told = call("zgs_downloadSegmentWithProof", to_hex(FILE.root), index)
        assert told == sent(FILE, index) == call("zgs_downloadSegmentWithProofByTxSeq", 0, index)
        merkle.verify(proof_from_json(told["proof"]), FILE.leaf(index), FILE.root, index, 3)


@pytest.mark.parametrize("index", [3, *HUGE])
def test_download_segment_with_proof__beyond_the_file__is_refused(node, call, index):
    node.hold(FILE)
    told = refusal(call, "zgs_downloadSegmentWithProofByTxSeq", 0, index)
    assert told == (-32602, "Invalid params: index", "index out of bound")


def test_check_file_finalized__by_number_or_root__tells_the_state(node, call):
    node.hold(SMALL)
    node.submit(FILE)
    assert [call("zgs_checkFileFinalized", each) for each in (0, to_hex(SMALL.root))] == [True, True]
    assert [call("zgs_checkFileFinalized", each) for each in (1, to_hex(FILE.root))] == [False, False]
    assert [call("zgs_checkFileFinalized", each) for each in (2, *HUGE, "0x" + "11" * 32)] == [None] * 5


def test_get_file_info__known_file__tells_place_and_progress(node, call):
    (entry,) = node.submit(FILE)
    node.put(FILE, [1])
    told = {
        "tx": {
            "streamIds": [],
            "data": [],
            "dataMerkleRoot": to_hex(FILE.root),
            "merkleNodes": [[each.height + 1, to_hex(each.root)] for each in FILE.submission().nodes],
            "startEntryIndex": entry.start,
            "size": FILE.size,
            "seq": 0,
        },
        "finalized": False,
        "isCached": False,
        "uploadedSegNum": 1,
        "pruned": False,
    }
    assert call("zgs_getFileInfo", to_hex(FILE.root), True) == told
    assert call("zgs_getFileInfo", to_hex(FILE.root)) == told == call("zgs_getFileInfoByTxSeq", 0)
    node.put(FILE, [0, 2])
    node.shelf.complete(FILE.content)
    assert call("zgs_getFileInfo", to_hex(FILE.root), False) == told | {"finalized": True, "uploadedSegNum": 3}


def test_get_file_info__several_submissions__prefers_the_complete_one(node, call):
    node.submit(SMALL, SMALL)
    node.catalog.set_finalized(SMALL.content, [1], True)
    assert call("zgs_getFileInfo", to_hex(SMALL.root), True)["tx"]["seq"] == 1
    assert call("zgs_getFileInfoByTxSeq", 0)["finalized"] is False


def test_get_file_info__unknown__is_null(call):
    assert call("zgs_getFileInfo", to_hex(FILE.root), True) is None
    assert [call("zgs_getFileInfoByTxSeq", seq) for seq in (0, *HUGE)] == [None] * 4


def test_get_file_info__shard_that_owns_nothing__is_finalized_as_soon_as_it_is_known(web, make_node):
    node = make_node(shard=Shard(7, 8))
    call = serve(web, node)
    node.submit(SMALL)
    node.shelf.complete(SMALL.content)
    told = call("zgs_getFileInfo", to_hex(SMALL.root), True)
    assert (told["finalized"], told["uploadedSegNum"]) == (True, 1)


def test_get_shard_config__shard__is_told(web, make_node):
    assert serve(web, make_node(shard=Shard(3, 4)))("zgs_getShardConfig") == {"shardId": 3, "numShard": 4}


def test_get_sector_proof__present_and_past_root__is_verified(node, call):
    (first,) = node.hold(SMALL)
    node.hold(FILE)
    length = node.flow.tree.length
    for params, root, span in [
        ([8, None], node.flow.tree.root, length),
        ([8], node.flow.tree.root, length),
        ([1, to_hex(first.flow_root)], first.flow_root, first.length),
    ]:
        proof = proof_from_json(call("zgs_getSectorProof", *params))
        merkle.verify(proof, proof.lemma[0], root, params[0], 1 << (span - 1).bit_length())
    assert call("zgs_getSectorProof", 0) == proof_to_json(node.proofs.sector(0, None))


def test_get_sector_proof__beyond_the_flow_or_unknown_root__is_refused(node, call):
    node.hold(SMALL)
    assert refusal(call, "zgs_getSectorProof", HUGE[2])[:2] == (-32602, "Invalid params")
    told = refusal(call, "zgs_getSectorProof", 0, "0x" + "11" * 32)
    assert told == (-32000, "the flow never had this root", None)


def test_node_index__of_the_flow__counts_segments(node, call):
    node.hold(FILE)
    segment = node.catalog.entry(0).start // 1024
    assert call("zgs_getHashAtNodeIndex", segment) == to_hex(FILE.leaf(0))
    data = call("zgs_getDataByNodeIndex", segment)
    assert b"".join(bytes(each) for each in data) == FILE.sectors(0, 1024)
    assert call("zgs_getMetaDataByNodeIndex", segment).startswith("seq 0: sectors ")
    for index in HUGE:
        for method in ("zgs_getHashAtNodeIndex", "zgs_getDataByNodeIndex", "zgs_getMetaDataByNodeIndex"):
            assert call(method, index) is None


def test_get_flow_context__flow__is_root_and_length(node, call):
    assert call("zgs_getFlowContext") == ["0x" + "00" * 32, 1]
    node.submit(FILE)
    assert call("zgs_getFlowContext") == [to_hex(node.flow.tree.root), node.flow.tree.length]


def test_segment__whose_claim_has_other_siblings__uses_none_of_them(node, call):
    node.submit(FILE)
    honest = sent(FILE, 0)
    lemma = honest["proof"]["lemma"]
    false = replace(FILE.tree.proof(0), lemma=(*FILE.tree.proof(0).lemma[:1], bytes(32), *FILE.tree.proof(0).lemma[2:]))
    assert refusal(call, "zgs_uploadSegment", honest | {"proof": proof_to_json(false)})[2] == "validation failed"
    assert call("zgs_uploadSegment", honest | {"proof": {"lemma": lemma, "path": honest["proof"]["path"]}}) is None
