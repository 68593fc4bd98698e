"""The same data submitted again and again: uploaded once, complete each time."""

import pytest

from tests.doubles.samples import Sample, upload

pytestmark = pytest.mark.anvil


@pytest.mark.parametrize("size", [256 * 7, 262_144 * 2 + 5], ids=["sectors", "segments"])
def test_submit__same_data_several_times__one_upload_completes_all(chain, node, size):
    sample = Sample(size, seed="again")
    before = [chain.submit(sample)[0], chain.submit(sample)[0], *chain.submit(sample, sample)]
    node.wait_for(before[-1])
    upload(node, before[1], sample)
    node.wait_finalized(*before)
    [after] = chain.submit(sample)
    node.wait_finalized(after)
    starts = [node.info(seq)["tx"]["startEntryIndex"] for seq in [*before, after]]
    assert len(set(starts)) == len(starts)
    for seq in [*before, after]:
        assert node.content(seq) == sample.data
    assert node.zgs_getFileInfo(sample.hex, True)["tx"]["seq"] == before[0]


def test_submit__same_root_with_two_sizes__each_is_cut_where_its_transaction_says(chain, node):
    short, padded = Sample(1, seed="zeros"), Sample(1, seed="zeros")
    padded.data, padded.size = short.data + bytes(99), 100
    assert short.root == padded.root
    seqs = chain.submit(short, padded)
    node.wait_for(seqs[1])
    upload(node, seqs[0], short)
    node.wait_finalized(seqs[0])
    upload(node, seqs[1], padded)
    node.wait_finalized(seqs[1])
    assert node.content(seqs[0]) == short.data
    assert node.content(seqs[1]) == padded.data
