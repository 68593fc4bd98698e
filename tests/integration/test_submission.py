"""Files of every shape: submitted, not complete before they are uploaded, fetched by the other nodes by themselves."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample, upload

pytestmark = pytest.mark.anvil

SECTOR = 256
SIZES = [
    2,
    SECTOR - 1,
    SECTOR,
    SECTOR + 1,
    SECTOR * 4 - 1,
    SECTOR * 4,
    SECTOR * 4 + 1,
    SECTOR * 1023,
    SECTOR * 1023 + 1,
    SECTOR * 1024,
    SECTOR * 1024 + 1,
    SECTOR * 1025,
    SECTOR * 2048 - 1,
    SECTOR * 2048,
    SECTOR * 16385,
]
LARGE = 64 << 20
LARGE_OF_A_DAY = 12 << 20


@pytest.fixture(scope="module")
def submitted(tmp_path_factory, full_scale):
    """Three nodes that fetch everything, and files by submission; nothing is uploaded yet."""
    samples = [Sample(size) for size in [*SIZES, LARGE if full_scale else LARGE_OF_A_DAY]]
    with cluster_in(tmp_path_factory.mktemp("submission"), 3, "--auto-sync") as cluster:
        files = dict(zip(cluster.chain.submit(*samples), samples, strict=True))
        yield cluster, files


@pytest.fixture(scope="module")
def uploaded(submitted):
    """The same after every file went to the first node."""
    cluster, files = submitted
    for node in cluster.nodes:
        for seq in files:
            assert node.wait_for(seq)["finalized"] is False
    for seq, sample in files.items():
        upload(cluster.nodes[0], seq, sample)
    return cluster, files


def test_submit__nothing_uploaded__no_node_calls_it_finalized(submitted):
    cluster, files = submitted
    for node in cluster.nodes:
        for seq, sample in files.items():
            info = node.wait_for(seq)
            assert info["tx"]["size"] == sample.size
            assert info["tx"]["dataMerkleRoot"] == sample.hex
            # Peers have nothing either, so that it stays so.
            assert not info["finalized"] or info["uploadedSegNum"] == len(sample.segments)


def test_upload__every_size__reaches_all_nodes(uploaded):
    cluster, files = uploaded
    for node in cluster.nodes:
        node.wait_finalized(*files)
        assert all(node.info(seq)["uploadedSegNum"] == len(sample.segments) for seq, sample in files.items())


def test_download__first_sector__is_the_same_everywhere(uploaded):
    cluster, files = uploaded
    for node in cluster.nodes:
        node.wait_finalized(*files)
        for seq, sample in files.items():
            assert node.first_sector(seq) == sample.data[:SECTOR].ljust(SECTOR, b"\0"), (node, sample)


def test_download__last_node__has_every_byte(uploaded):
    cluster, files = uploaded
    last = cluster.nodes[-1]
    for seq, sample in files.items():
        last.wait_finalized(seq)
        assert last.content(seq) == sample.data, sample


def test_auto_sync__many_files_that_nobody_has__hold_up_no_other(uploaded):
    cluster, _ = uploaded
    cluster.chain.submit(*(Sample(300 + number, seed="nobody") for number in range(20)))
    sample = Sample(70_000, seed="late")
    [seq] = cluster.chain.submit(sample)
    cluster.nodes[0].wait_for(seq)
    upload(cluster.nodes[0], seq, sample)
    for node in cluster.nodes:
        eventually(lambda node=node: node.finalized(seq), f"{node} fetches what is there among what is not")
