"""The smallest story: a file is submitted, uploaded, complete."""

import pytest

from tests.doubles.samples import Sample, upload

pytestmark = pytest.mark.anvil

SIZE = 5_253_123


@pytest.fixture(scope="module")
def stored(plain):
    """A file and its submission, uploaded to the first node."""
    sample, node = Sample(SIZE), plain.nodes[0]
    [seq] = plain.chain.submit(sample)
    info = node.wait_for(seq)
    assert (info["tx"]["dataMerkleRoot"], info["tx"]["size"], info["tx"]["seq"]) == (sample.hex, SIZE, seq)
    assert (info["finalized"], info["uploadedSegNum"]) == (False, 0)
    upload(node, seq, sample)
    return sample, seq


def test_upload__file_of_many_segments__is_finalized_and_comes_back(stored, node):
    sample, seq = stored
    node.wait_finalized(seq)
    assert node.info(seq)["uploadedSegNum"] == len(sample.segments) == 21
    assert node.content(seq) == sample.data


def test_client__file_that_the_node_has__costs_nothing_and_is_verified(stored, plain, tmp_path):
    sample, seq = stored
    before = plain.chain.submit_events()
    with plain.client(3, plain.nodes[0]) as client:
        uploaded = client.upload(sample.data)
        client.download(uploaded.root, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert (uploaded.root, uploaded.seq, uploaded.transaction_hash) == (sample.root, seq, "")
    assert plain.chain.submit_events() == before
