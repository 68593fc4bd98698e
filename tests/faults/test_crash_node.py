"""kill -9 of nodes, at random and at chosen moments: what was acknowledged stays."""

import random
import threading

import pytest

from offchain.storage.wire import from_hex
from tests.doubles.cluster import cluster_in
from tests.doubles.polling import eventually
from tests.doubles.reaper import Reaper, persistently
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(1800)]

SEGMENT = 262_144


def send(node, seq, sample, index):
    """Upload a segment until the node has acknowledged it."""

    def attempt():
        try:
            upload(node, seq, sample, [index])
        except Refused as refused:
            # It arrived, and the node died before it said so.
            assert "already" in f"{refused.message} {refused.data}", refused

    persistently(attempt)


def test_node__killed_again_and_again_during_uploads__keeps_every_acknowledged_segment(tmp_path, full_scale):
    with cluster_in(tmp_path, 1) as cluster:
        node, stored = cluster.nodes[0], {}
        with Reaper(node, seed=1) as reaper:
            for number in range(120 if full_scale else 12):
                sample = Sample(random.Random(number).randrange(1, 6 * SEGMENT), seed=number)
                [seq] = cluster.chain.submit(sample)
                eventually(lambda seq=seq: persistently(lambda: node.info(seq)), f"submission {seq}")
                for index in random.Random(number).sample(list(sample.segments), len(sample.segments)):
                    send(node, seq, sample, index)
                    assert persistently(lambda seq=seq, index=index: node.segment(seq, index)) == sample.segment_data(
                        index
                    )
                stored[seq] = sample
        assert reaper.kills > 3
        node.wait_finalized(*stored)
        for seq, sample in stored.items():
            assert node.content(seq) == sample.data
            assert node.admin.admin_checkFile(seq)["damaged"] == 0


def test_node__killed_at_every_moment_of_its_start__starts_the_next_time(tmp_path, full_scale):
    with cluster_in(tmp_path, 1) as cluster:
        node, sample = cluster.nodes[0], Sample(3 * SEGMENT)
        [seq] = cluster.chain.submit(sample)
        node.wait_for(seq)
        upload(node, seq, sample)
        node.kill()
        pending = cluster.chain.submit(*(Sample(1000 + number) for number in range(30)))
        for moment in range(0, 200, 4 if full_scale else 20):
            node.launch("--log-page", "1")
            threading.Event().wait(moment / 1000)  # the moment itself is what is tested
            node.kill()
        node.start()
        node.wait_for(pending[-1])
        node.wait_finalized(seq)
        assert node.content(seq) == sample.data
        root, _ = node.zgs_getFlowContext()
        assert from_hex(root) == cluster.chain.flow.root_after(pending[-1])


def test_node__killed_while_it_catches_up__has_every_submission_once(tmp_path, full_scale):
    with cluster_in(tmp_path) as cluster:
        count = 300 if full_scale else 80
        for number in range(count):
            cluster.chain.submit(Sample(100 + number))
        node = cluster.add(1, "--log-page", "2")
        with Reaper(node, seed=2, longest=0.15) as reaper:
            eventually(lambda: persistently(node.zgs_getStatus)["nextTxSeq"] == count, "the node catches up")
        assert reaper.kills > 0
        root, length = node.zgs_getFlowContext()
        assert (from_hex(root), length) == (cluster.chain.flow.root_after(count - 1), cluster.chain.flow.length())


def test_nodes__all_killed_again_and_again_while_they_fetch__end_up_with_everything(tmp_path, full_scale):
    with cluster_in(tmp_path, 3, "--auto-sync") as cluster:
        samples = [Sample(random.Random(number).randrange(1, 12 * SEGMENT), seed=number) for number in range(6)]
        seqs = cluster.chain.submit(*samples)
        source, *others = cluster.nodes
        source.wait_for(seqs[-1])
        dice = random.Random(3)
        for seq, sample in zip(seqs, samples, strict=True):
            upload(source, seq, sample)
            for node in dice.sample(cluster.nodes, 2):
                node.kill()
                node.start()
        for node in cluster.nodes:
            node.wait_finalized(*seqs)
            for seq, sample in zip(seqs, samples, strict=True):
                assert node.content(seq) == sample.data, (node, sample)
