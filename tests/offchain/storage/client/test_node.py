import base64

import pytest

from offchain.errors import InvalidProof, PeerUnavailable, RemoteRefused
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.client.node import NodeClient, NodeStatus, is_unknown_method, segment_range
from offchain.storage.wire import FRAME
from tests.doubles.files import File
from tests.doubles.flow_log import FLOW
from tests.doubles.node_parts import BLOCK_HASH

URL = "http://node-1"
FILE = File.random(2 * SEGMENT_BYTES + 700)
SMALL = File.random(300)


@pytest.fixture
def server(node, web):
    return node.serve(web, URL)


@pytest.fixture
def client(server, web):
    return NodeClient(web.client(URL))


def answering(server, method, told):
    """The server answers `told` to one method."""
    server.after = lambda call, _, answer: told if call == method else answer


def test_status__node__tells_what_it_follows(client, node):
    node.submit(SMALL, block=7)
    told = client.status()
    assert told == NodeStatus(31337, FLOW, 7, 1, 0, "0x" + BLOCK_HASH.hex(), told.protocol)
    assert set(told.protocol) == {"major", "minor", "build"}


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (None, "does not tell its networkIdentity: is it a storage node"),
        ({}, "does not tell its networkIdentity"),
        ({"networkIdentity": {}}, "does not tell its chainId"),
        ({"networkIdentity": {"chainId": "1"}}, "tells '1' is no count as its chainId"),
        ({"networkIdentity": {"chainId": -1}}, "is no count as its chainId"),
        ({"networkIdentity": {"chainId": True}}, "is no count as its chainId"),
        ({"networkIdentity": {"chainId": 1}}, "does not tell its flowAddress"),
    ],
)
def test_status__answer_that_makes_no_sense__is_refused(client, server, told, reason):
    answering(server, "zgs_getStatus", told)
    with pytest.raises(PeerUnavailable, match=reason):
        client.status()


def test_shard__node__tells_its_part(web, make_node):
    make_node("half", shard=Shard(1, 2)).serve(web, URL)
    assert NodeClient(web.client(URL)).shard() == Shard(1, 2)


@pytest.mark.parametrize("told", [{"shardId": 3, "numShard": 3}, {"shardId": 2, "numShard": 2}])
def test_shard__that_cannot_be__is_refused(client, server, told):
    answering(server, "zgs_getShardConfig", told)
    with pytest.raises(PeerUnavailable, match="tells an impossible shard"):
        client.shard()


def test_file__known_by_root_or_number__is_told(client, node):
    (entry,) = node.hold(FILE)
    for info in (client.file(FILE.root), client.file(FILE.root, True), client.file_by_seq(entry.seq)):
        assert (info.root, info.size, info.finalized, info.uploaded) == (FILE.root, FILE.size, True, 3)


def test_file__unknown__is_none(client):
    assert client.file(FILE.root) is None
    assert client.file_by_seq(5) is None


@pytest.mark.parametrize("told", [5, {}, [], {"tx": {}}, {"tx": {"merkleNodes": [[1, "0x12"]]}, "finalized": True}])
def test_file__answer_that_makes_no_sense__is_refused(client, server, told):
    answering(server, "zgs_getFileInfo", told)
    with pytest.raises(PeerUnavailable, match="answered with no file information$"):
        client.file(FILE.root)


def test_speaks_frames__ours_and_others__are_told_apart(client, web, make_node):
    assert client.speaks_frames()
    make_node("other").serve(web, "http://other", framed=False)
    assert not NodeClient(web.client("http://other")).speaks_frames()
    assert not NodeClient(web.client("http://nobody")).speaks_frames()


def test_missing__segments_that_are_lacking__are_listed(client, node):
    node.submit(FILE)
    assert client.missing(FILE.root, FILE.size) == [0, 1, 2]
    node.put(FILE, [1])
    assert client.missing(FILE.root, FILE.size) == [0, 2]


@pytest.mark.parametrize("told", [[[0, 4]], [[3, 1]], [[0, 2], [1, 1]], [[1, 0]], [[-1, 1]], [[0]], 5, [["0", 1]]])
def test_missing__segments_that_the_file_does_not_have__are_refused(client, server, told):
    server.after = lambda call, _, answer: {"missing": told}
    with pytest.raises(PeerUnavailable, match="lists segments that the file does not have$"):
        client.missing(FILE.root, FILE.size)


def test_missing__answer_without_a_list__is_refused(client, server):
    server.after = lambda call, _, answer: {}
    with pytest.raises(PeerUnavailable, match="does not tell its missing"):
        client.missing(FILE.root, FILE.size)


@pytest.mark.parametrize("framed", [True, False])
def test_upload_and_send__segments__are_stored(client, node, framed):
    (entry,) = node.submit(FILE)
    segments = [FILE.segment(index) for index in FILE.segments]
    if framed:
        client.send(segments)
    else:
        client.upload([(segment, FILE.leaf(segment.index)) for segment in segments], entry.seq)
    assert node.shelf.stored(FILE.content) == 3


@pytest.mark.parametrize("framed", [True, False])
def test_upload_and_send__what_is_there_already__is_no_error(client, node, framed):
    (entry,) = node.hold(SMALL)
    if framed:
        client.send([SMALL.segment(0)])
    else:
        client.upload([(SMALL.segment(0), SMALL.leaf(0))], entry.seq)


@pytest.mark.parametrize("framed", [True, False])
def test_upload_and_send__false_segment__is_refused(client, node, framed):
    (entry,) = node.submit(SMALL)
    false = File.random(300, 1).segment(0)
    wrong = type(false)(SMALL.root, 300, 0, false.data, ())
    with pytest.raises(RemoteRefused, match="proof"):
        if framed:
            client.send([wrong])
        else:
            client.upload([(wrong, SMALL.leaf(0))], entry.seq)


def test_fetch__segments__come_in_order_with_their_siblings(client, node):
    node.hold(FILE)
    frames = list(client.fetch(FILE.root, FILE.size, 1, 2))
    assert [(each.index, bytes(each.data), each.siblings) for each in frames] == [
        (index, FILE.segment_data(index), tuple(FILE.tree.proof(index).siblings)) for index in (1, 2)
    ]


def answered(body):
    """An exchange that sends some bytes as segments."""

    async def pieces():
        yield body

    async def exchange(_):
        from offchain.net.exchange import Stream

        return Stream(pieces())

    return [("GET", "/v1/files/{content}/segments", exchange)]


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        (b"", PeerUnavailable, "broke off"),
        (FRAME.pack(0, SEGMENT_BYTES, 0) + bytes(100), PeerUnavailable, "broke off"),
        (FRAME.pack(1, SEGMENT_BYTES, 0), InvalidProof, "sent segment 1 instead of 0"),
        (FRAME.pack(0, SEGMENT_BYTES - 256, 0), InvalidProof, "sent segment 0 instead of 0"),
        (FRAME.pack(0, 0, 0), InvalidProof, "announces 0 bytes"),
        (FRAME.pack(0, SEGMENT_BYTES, 255), InvalidProof, "255 hashes"),
    ],
)
def test_fetch__frames_that_are_wrong__are_refused(web, body, error, reason):
    web.serve(URL, {}, answered(body))
    with pytest.raises(error, match=reason):
        list(NodeClient(web.client(URL)).fetch(FILE.root, FILE.size, 0, 1))


def test_download__segment__comes_with_its_claim(client, node):
    (entry,) = node.hold(FILE)
    segment = client.download(entry.seq, 1)
    assert (segment.root, segment.size, segment.index) == (FILE.root, FILE.size, 1)
    assert (segment.data, segment.claim) == (FILE.segment_data(1), FILE.tree.proof(1))


def test_download__segment_that_is_not_there__is_none(client, node):
    (entry,) = node.submit(FILE)
    assert client.download(entry.seq, 0) is None


@pytest.mark.parametrize(
    "change",
    [
        {"data": "?"},
        {"data": 5},
        {"index": 1},
        {"index": "0"},
        {"root": "0x12"},
        {"fileSize": -1},
        {"proof": None},
        {"proof": {"lemma": ["0x12"], "path": []}},
    ],
    ids=str,
)
def test_download__answer_that_is_no_segment__is_refused(client, node, server, change):
    (entry,) = node.hold(FILE)
    server.after = lambda call, _, answer: answer | change if call == "zgs_downloadSegmentWithProofByTxSeq" else answer
    with pytest.raises(PeerUnavailable, match="answered with no segment$"):
        client.download(entry.seq, 0)


def test_download_sectors__part_of_a_segment__is_its_bytes(client, node):
    (entry,) = node.hold(FILE)
    assert client.download_sectors(entry.seq, 1023, 1) == FILE.sectors(1023, 1)
    node.submit(SMALL)
    assert client.download_sectors(entry.seq + 1, 0, 1) is None


@pytest.mark.parametrize("told", [5, "%%%", ["A"]])
def test_download_sectors__answer_that_is_no_data__is_refused(client, server, told):
    server.after = lambda call, _, answer: told
    with pytest.raises(PeerUnavailable, match="answered with no sectors$"):
        client.download_sectors(0, 0, 1)


def test_client__node_that_is_away__is_unavailable(client, server):
    server.down = True
    for call in (client.status, client.shard, lambda: client.file(FILE.root), lambda: client.send([SMALL.segment(0)])):
        with pytest.raises(PeerUnavailable, match="does not answer"):
            call()


@pytest.mark.parametrize(("index", "expected"), [(0, (0, 1024)), (1, (1024, 1024)), (2, (2048, 3))])
def test_segment_range__segments__are_counted_in_sectors(index, expected):
    assert segment_range(FILE.size, index) == expected


def test_is_unknown_method__only_that_code__is(client):
    assert is_unknown_method(RemoteRefused(URL, -32601, "Method not found"))
    assert not is_unknown_method(RemoteRefused(URL, -32602, "Invalid params"))


def test_upload__data__travels_as_base64(client, node, server):
    (entry,) = node.submit(SMALL)
    seen = []
    server.before = lambda call, params: seen.append(params)
    client.upload([(SMALL.segment(0), SMALL.leaf(0))], entry.seq)
    ((segments, seq),) = seen
    assert (base64.b64decode(segments[0]["data"]), seq) == (SMALL.segment_data(0), entry.seq)
