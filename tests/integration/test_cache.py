"""Segments that come before their transaction wait for it, also through a crash."""

import time

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = pytest.mark.anvil

EARLY_LIMIT = 10 << 20


def test_upload__before_the_transaction__completes_the_file_when_it_comes(chain, node):
    sample = Sample(600_000, seed="early")
    for index in sample.segments:
        node.zgs_uploadSegment(sample.posted(index))
    assert node.zgs_getFileInfo(sample.hex, False) is None
    assert node.zgs_downloadSegment(sample.hex, 0, 1) is None
    [seq] = chain.submit(sample)
    node.wait_finalized(seq)
    assert node.content(seq) == sample.data


def test_upload__some_segments_before_and_some_after__make_one_file(chain, node):
    sample = Sample(600_000, seed="half early")
    node.zgs_uploadSegment(sample.posted(1))
    [seq] = chain.submit(sample)
    assert node.wait_for(seq)["uploadedSegNum"] == 1
    with pytest.raises(Refused, match="already been uploaded"):
        node.zgs_uploadSegment(sample.posted(1))
    assert node.zgs_uploadSegmentsByTxSeq([sample.posted(index) for index in sample.segments], seq)
    node.wait_finalized(seq)
    assert node.content(seq) == sample.data


def test_upload__large_file_before_the_transaction__is_refused(node):
    sample = Sample(EARLY_LIMIT + 1, seed="too large to wait")
    with pytest.raises(Refused) as refused:
        node.zgs_uploadSegment(sample.posted(0))
    assert refused.value.code == -32602
    assert refused.value.data == "caching of large file when tx is unavailable is not supported"


def test_upload__same_root_as_another_size__does_not_meet_its_submission(chain, node):
    """A byte and the same byte followed by zeros have one root; only the transaction tells where the file ends."""
    sample = Sample(1, seed="one byte")
    node.zgs_uploadSegment(sample.posted(0) | {"fileSize": 7})
    [seq] = chain.submit(sample)
    assert node.wait_for(seq)["uploadedSegNum"] == 0
    upload(node, seq, sample)
    node.wait_finalized(seq)
    assert node.content(seq) == sample.data


def test_upload__before_the_transaction_and_the_node_dies__is_still_there(tmp_path):
    sample = Sample(600_000, seed="early, then a crash")
    with cluster_in(tmp_path, 1) as cluster:
        node = cluster.nodes[0]
        for index in sample.segments:
            node.zgs_uploadSegment(sample.posted(index))
        node.kill()
        [seq] = cluster.chain.submit(sample)
        node.start()
        node.wait_finalized(seq)
        assert node.content(seq) == sample.data


def test_upload__transaction_never_comes__is_forgotten(tmp_path):
    sample = Sample(600_000, seed="early, for nothing")
    with cluster_in(tmp_path) as cluster:
        node = cluster.add(1, "--pool-patience", "100ms")
        node.zgs_uploadSegment(sample.posted(0))
        data, tree = node.files(sample)
        node.stop()
        eventually(lambda: time.time() - data.stat().st_mtime > 0.2, "the node's patience is over")
        node.start()
        eventually(lambda: not data.exists() and not tree.exists(), "what nobody paid for is deleted")
