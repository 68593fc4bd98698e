"""Clean stops with files that are not complete: what was acknowledged is there again, and the rest can follow."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.samples import Sample, upload

pytestmark = pytest.mark.anvil

SEGMENTS = 19
SIZE = SEGMENTS * 262_144 - 100
CYCLES = 3


def test_stop__files_pending_in_three_cycles__each_becomes_complete_later(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        node, done = cluster.nodes[0], []
        for cycle in range(CYCLES):
            half, none = Sample(SIZE, seed=cycle), Sample(1000 + cycle, seed=cycle)
            seqs = cluster.chain.submit(half, none)
            node.wait_for(seqs[1])
            upload(node, seqs[0], half, range(7))
            node.stop()
            unseen = Sample(2000 + cycle, seed=cycle)
            seqs += cluster.chain.submit(unseen)
            node.start()
            assert node.wait_for(seqs[0])["uploadedSegNum"] == 7
            assert [node.segment(seqs[0], index) is not None for index in (0, 6, 7, 18)] == [True, True, False, False]
            upload(node, seqs[0], half, range(7, SEGMENTS))
            node.wait_for(seqs[2])
            upload(node, seqs[1], none)
            upload(node, seqs[2], unseen)
            node.wait_finalized(*seqs)
            done += zip(seqs, (half, none, unseen), strict=True)
            node.stop()
            node.start()
            for seq, sample in done:
                assert node.finalized(seq)
                assert node.content(seq) == sample.data


def test_stop__right_after_the_last_segment__is_finalized_after_the_start(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        node, sample = cluster.nodes[0], Sample(SIZE)
        [seq] = cluster.chain.submit(sample)
        node.wait_for(seq)
        upload(node, seq, sample)
        node.stop()
        node.start()
        node.wait_finalized(seq)
        assert node.content(seq) == sample.data


def test_stop__during_an_upload__the_client_goes_on_with_the_same_command(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        node, sample = cluster.nodes[0], Sample(SIZE, seed="client")
        seen = []

        def progress(stage, done, total):
            if stage == "upload" and done > total // 3 and not seen:
                seen.append(stage)
                node.stop()
                node.start()

        with cluster.client(3, progress=progress) as client:
            uploaded = client.upload(sample.data)
        assert seen
        assert node.content(uploaded.seq) == sample.data
        assert cluster.chain.submit_events() == [sample.hex]
