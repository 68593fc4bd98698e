"""Random files on four nodes that fetch from each other, of which one or another is always down."""

import random

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(1800)]

NODES = 4
WITHOUT_DATA = 0.2
CRASH = 0.5
CLEAN = 0.3
SEED = 11


class Campaign:
    """Files are submitted and uploaded while nodes come and go."""

    def __init__(self, cluster, largest):
        self.cluster = cluster
        self.dice = random.Random(SEED)
        self.largest = largest
        self.stored, self.empty = {}, {}
        self.down = None

    def step(self, number):
        """One file; before it a node may come back, and another go."""
        self.wake()
        if self.dice.random() < CRASH:
            self.down = self.dice.choice(self.cluster.nodes)
            self.down.stop() if self.dice.random() < CLEAN else self.down.kill()
        sample = Sample(int(self.largest ** self.dice.random()) + 1, seed=number)
        [seq] = self.cluster.chain.submit(sample)
        if self.dice.random() < WITHOUT_DATA:
            self.empty[seq] = sample
        else:
            self.upload(self.dice.choice([node for node in self.cluster.nodes if node is not self.down]), seq, sample)
            self.stored[seq] = sample

    def upload(self, node, seq, sample):
        """Send all segments to a node that may die after any of them."""
        node.wait_for(seq)
        for index in sample.segments:
            self.send(node, seq, sample, index)
            if self.dice.random() < 0.1 / len(sample.segments):
                node.kill()
                node.start()
                node.wait_for(seq)
                assert node.info(seq)["uploadedSegNum"] >= index + 1 or node.finalized(seq)

    def send(self, node, seq, sample, index):
        """Another node may have been faster: then the segment is there by way of it."""
        try:
            upload(node, seq, sample, [index])
        except Refused as refused:
            assert "already" in f"{refused.message} {refused.data}"

    def wake(self):
        if self.down:
            self.down.start()
            self.down = None


def test_nodes__come_and_go_while_files_arrive__all_files_with_data_end_up_everywhere(tmp_path, full_scale):
    with cluster_in(tmp_path, NODES, "--auto-sync") as cluster:
        campaign = Campaign(cluster, largest=(60 << 20) if full_scale else (4 << 20))
        for number in range(20 if full_scale else 10):
            campaign.step(number)
        campaign.wake()
        assert campaign.stored and campaign.empty
        for node in cluster.nodes:
            node.wait_finalized(*campaign.stored)
            for seq, sample in campaign.stored.items():
                assert node.content(seq) == sample.data, (node, sample)
            for seq in campaign.empty:
                assert node.finalized(seq) is False
