"""Two nodes that hold half of the flow each: together they store every file, and neither waits for what is not its."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = pytest.mark.anvil

SEGMENT = 262_144
HALVES = 2


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Both halves, and a client's indexer over them."""
    with cluster_in(tmp_path_factory.mktemp("sharded")) as cluster:
        for number in range(HALVES):
            cluster.add(1, "--shard-id", str(number), "--num-shards", str(HALVES))
        yield cluster


def owner_of(cluster, seq, index):
    """The node that holds segment `index` of a submission, and the other one."""
    start = cluster.nodes[0].wait_for(seq)["tx"]["startEntryIndex"]
    owner = (start // 1024 + index) % HALVES
    return cluster.nodes[owner], cluster.nodes[1 - owner]


def test_status__each_half__says_which(halves):
    assert [node.zgs_getShardConfig() for node in halves.nodes] == [
        {"shardId": number, "numShard": HALVES} for number in range(HALVES)
    ]


def test_submit__file_of_one_segment__the_other_half_finalizes_at_once(halves):
    sample = Sample(1000)
    [seq] = halves.chain.submit(sample)
    owner, other = owner_of(halves, seq, 0)
    other.wait_finalized(seq)
    assert owner.finalized(seq) is False
    assert other.segment(seq, 0) is None
    upload(owner, seq, sample)
    owner.wait_finalized(seq)
    assert owner.content(seq) == sample.data


@pytest.mark.parametrize("segments", [1, 2, 3, 4, 5, 16])
def test_client__file_of_some_segments__goes_to_both_halves_and_comes_back(halves, segments, tmp_path):
    sample = Sample(segments * SEGMENT - 77, seed="client")
    with halves.client(3) as client:
        uploaded = client.upload(sample.data)
        client.download(uploaded.root, tmp_path / "copy")
        assert client.problems == []
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert len(uploaded.nodes) == HALVES
    for index in range(segments):
        owner, other = owner_of(halves, uploaded.seq, index)
        assert owner.segment(uploaded.seq, index) is not None
        assert other.segment(uploaded.seq, index) is None


@pytest.mark.parametrize("segments", [3, 5])
def test_public_rpc__odd_number_of_segments__both_halves_finalize(halves, segments):
    sample = Sample(segments * SEGMENT, seed="public rpc")
    [seq] = halves.chain.submit(sample)
    for index in range(segments):
        owner, _ = owner_of(halves, seq, index)
        owner.wait_for(seq)
        upload(owner, seq, sample, [index])
    for node in halves.nodes:
        node.wait_finalized(seq)


def test_client__one_half_is_gone__says_what_is_missing(halves):
    with halves.client(3, halves.nodes[0]) as client, pytest.raises(Exception, match="1 nodes cannot hold 1 replicas"):
        client.upload(b"half a network")


def test_sync__whole_node__takes_each_half_from_its_holder(halves):
    sample = Sample(5 * SEGMENT + 1, seed="whole")
    with halves.client(4) as client:
        seq = client.upload(sample.data).seq
    whole = halves.add(1)
    try:
        whole.wait_peers(HALVES)
        whole.wait_for(seq)
        whole.admin.admin_startSyncFile(seq)
        whole.wait_finalized(seq)
        assert whole.content(seq) == sample.data
    finally:
        whole.kill()
        halves.nodes.remove(whole)


def test_upload__segment_of_the_other_half__is_taken_and_does_not_disturb(halves):
    """A client that does not know of shards may send everything to everybody."""
    sample = Sample(2 * SEGMENT, seed="everything to everybody")
    [seq] = halves.chain.submit(sample)
    for node in halves.nodes:
        node.wait_for(seq)
        for index in range(2):
            try:
                upload(node, seq, sample, [index])
            except Refused as refused:
                assert refused.data == "already uploaded and finalized"
        node.wait_finalized(seq)
