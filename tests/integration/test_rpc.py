"""What two nodes tell of a file and of each other while it is uploaded to one, fetched by the other, and one leaves."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = pytest.mark.anvil

SIZE = 700_000


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two nodes that fetch nothing by themselves."""
    with cluster_in(tmp_path_factory.mktemp("rpc"), 2) as cluster:
        for node in cluster.nodes:
            node.wait_peers(1)
        yield cluster


@pytest.fixture(scope="module")
def stored(pair):
    """A file that the first node has and the second only knows of."""
    first, second = pair.nodes
    sample = Sample(SIZE, seed="rpc")
    assert first.zgs_getFileInfo(sample.hex, True) is None
    assert first.zgs_checkFileFinalized(sample.hex) is None
    [seq] = pair.chain.submit(sample)
    second.wait_for(seq)
    assert first.wait_for(seq)["finalized"] is False
    for index in sample.segments:
        assert first.info(seq)["uploadedSegNum"] == index
        upload(first, seq, sample, [index])
    first.wait_finalized(seq)
    return sample, seq


def test_status__both_nodes__follow_the_same_flow(pair):
    first, second = (node.zgs_getStatus() for node in pair.nodes)
    assert first["networkIdentity"] == second["networkIdentity"]
    assert first["networkIdentity"]["chainId"] == 31337
    assert first["networkIdentity"]["flowAddress"].lower() == pair.chain.flow.address.lower()


def test_info__by_root_and_by_sequence__is_the_same(pair, stored):
    sample, seq = stored
    first = pair.nodes[0]
    info = first.info(seq)
    assert info == first.zgs_getFileInfo(sample.hex, True) == first.zgs_getFileInfo(sample.hex, False)
    assert (info["finalized"], info["pruned"], info["isCached"]) == (True, False, False)
    assert info["tx"]["merkleNodes"] == [
        [node.height + 1, "0x" + node.root.hex()] for node in sample.submission().nodes
    ]


def test_download__in_every_way__is_the_same(pair, stored):
    sample, seq = stored
    first = pair.nodes[0]
    assert first.content(seq) == sample.data
    for index in sample.segments:
        proven = first.zgs_downloadSegmentWithProof(sample.hex, index)
        assert proven == first.zgs_downloadSegmentWithProofByTxSeq(seq, index) == sample.posted(index)


def test_upload__finalized_file__is_refused_in_the_words_that_clients_know(pair, stored):
    sample, seq = stored
    with pytest.raises(Refused) as refused:
        pair.nodes[0].zgs_uploadSegmentByTxSeq(sample.posted(0), seq)
    assert (refused.value.code, refused.value.message) == (-32602, "Invalid params: root")
    assert refused.value.data == "already uploaded and finalized"


def test_sync__not_asked_for__fetches_nothing(pair, stored):
    sample, _ = stored
    other = Sample(5000, seed="unwanted")
    first, second = pair.nodes
    [seq] = pair.chain.submit(other)
    first.wait_for(seq)
    upload(first, seq, other)
    first.wait_finalized(seq)
    assert second.admin.admin_getSyncServiceState()["autoSyncSerial"] == "disabled"
    assert second.wait_for(seq)["uploadedSegNum"] == 0
    assert second.admin.admin_getSyncStatus(seq) == "unknown"


def test_sync__asked_for__fetches_and_tells_of_it(pair, stored):
    sample, seq = stored
    first, second = pair.nodes
    second.admin.admin_startSyncFile(seq)
    second.wait_finalized(seq)
    eventually(lambda: second.admin.admin_getSyncStatus(seq) == "Completed", "the fetch tells of its end")
    told = second.admin.admin_getSyncInfo(seq)[str(seq)]
    assert told["goal"]["numChunks"] == -(-SIZE // 256)
    assert told["state"] == "Completed"
    assert second.content(seq) == sample.data
    assert len(first.admin.admin_getFileLocation(seq, True)) == 1


def test_sync__part_of_a_file__fetches_only_that(pair):
    first, second = pair.nodes
    sample = Sample(SIZE, seed="in part")
    [seq] = pair.chain.submit(sample)
    first.wait_for(seq)
    upload(first, seq, sample)
    first.wait_finalized(seq)
    second.wait_for(seq)
    second.admin.admin_startSyncChunks(seq, 1024, 2048)
    eventually(lambda: second.segment(seq, 1), "the segment in the middle arrives")
    eventually(lambda: second.admin.admin_getSyncStatus(seq) == "Completed", "the fetch ends")
    assert (second.segment(seq, 0), second.segment(seq, 2)) == (None, None)
    assert second.info(seq)["finalized"] is False


def test_admin__public_address__does_not_answer(pair):
    with pytest.raises(Refused) as refused:
        pair.nodes[0].admin_shutdown()
    assert refused.value.code == -32601


def test_shutdown__through_the_rpc__is_orderly_and_the_other_node_notices(pair, stored):
    sample, seq = stored
    first, second = pair.nodes
    assert first.zgs_getStatus()["connectedPeers"] == 1
    second.admin.admin_shutdown()
    assert second.worker.wait() == 0
    first.wait_peers(0)
    network = first.admin.admin_getNetworkInfo()
    assert (network["connectedPeers"], network["disconnectedPeers"], network["totalPeers"]) == (0, 1, 1)
    assert first.content(seq) == sample.data
    second.start()
    first.wait_peers(1)
