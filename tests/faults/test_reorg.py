"""Reorganisations under a running node: submissions are undone and come back, in other order, with other files."""

import random
import threading
from contextlib import contextmanager

import pytest

from offchain.storage.wire import from_hex
from tests.doubles.cluster import account, cluster_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A chain that forks, and a node."""
    with cluster_in(tmp_path_factory.mktemp("reorg"), 1) as cluster:
        yield cluster


@pytest.fixture
def node(cluster):
    return cluster.nodes[0]


@contextmanager
def undone(chain):
    """What is mined in the block is taken back at its end; the next submission makes the fork longer than that."""
    snapshot, head = chain.rpc("evm_snapshot"), chain.head()
    yield
    depth = chain.head() - head
    assert chain.rpc("evm_revert", snapshot)
    chain.mine(depth)


def assert_same_flow(chain, node):
    """The node's flow is the contract's."""
    last = chain.flow.submissions() - 1
    node.wait_synced()
    root, length = node.zgs_getFlowContext()
    assert node.zgs_getStatus()["nextTxSeq"] == last + 1
    if last >= 0:
        assert (from_hex(root), length) == (chain.flow.root_after(last), chain.flow.length())


def stored(chain, node, sample):
    """Sequence number of a file once it is complete."""
    [seq] = chain.submit(sample)
    node.wait_for(seq)
    upload(node, seq, sample)
    node.wait_finalized(seq)
    return seq


def seq_of(node, sample):
    """The present sequence number of a file, None when no submission is left of it."""
    info = node.zgs_getFileInfo(sample.hex, False)
    return info and info["tx"]["seq"]


def test_reorg__submission_undone__is_unknown_and_its_data_waits(cluster, node):
    sample, other = Sample(300_000, seed="undone"), Sample(5000, seed="instead")
    with undone(cluster.chain):
        seq = stored(cluster.chain, node, sample)
    cluster.chain.submit(other)
    eventually(lambda: seq_of(node, sample) is None, "the submission is undone")
    assert node.zgs_checkFileFinalized(sample.hex) is None
    assert node.zgs_downloadSegment(sample.hex, 0, 1) is None
    assert_same_flow(cluster.chain, node)
    assert any(seq in line["submissions"] for line in node.events("reorganisation"))
    [again] = cluster.chain.submit(sample)
    node.wait_finalized(again)
    assert again != seq
    assert node.content(again) == sample.data


def test_reorg__files_come_back_in_another_order__each_keeps_its_data(cluster, node):
    samples = [Sample(size, seed="order") for size in (1, 70_000, 600_000)]
    with undone(cluster.chain):
        before = {sample: stored(cluster.chain, node, sample) for sample in samples}
    after = {sample: cluster.chain.submit(sample)[0] for sample in reversed(samples)}
    cluster.chain.mine()
    for sample in samples:
        eventually(lambda sample=sample: seq_of(node, sample) == after[sample], "the file has its new number")
        node.wait_finalized(after[sample])
        assert node.content(after[sample]) == sample.data
    assert before != after
    assert_same_flow(cluster.chain, node)


def test_reorg__another_file_takes_the_number__it_is_not_complete(cluster, node):
    old, new = Sample(300_000, seed="old"), Sample(300_000, seed="new")
    with undone(cluster.chain):
        seq = stored(cluster.chain, node, old)
    assert cluster.chain.submit(new) == [seq]
    eventually(lambda: seq_of(node, new) == seq, "the other file is there")
    assert node.info(seq)["finalized"] is False
    assert node.info(seq)["uploadedSegNum"] == 0
    with pytest.raises(Refused, match="data root and tx seq not match"):
        upload(node, seq, old)
    upload(node, seq, new)
    node.wait_finalized(seq)
    assert node.content(seq) == new.data


def test_reorg__half_of_a_file_uploaded__the_rest_completes_it_on_the_other_fork(cluster, node):
    sample = Sample(4 * 262_144, seed="half")
    with undone(cluster.chain):
        [seq] = cluster.chain.submit(sample)
        node.wait_for(seq)
        upload(node, seq, sample, [0, 3])
    cluster.chain.submit(Sample(100, seed="shift"))
    [seq] = cluster.chain.submit(sample)
    eventually(lambda: seq_of(node, sample) == seq, "the file is there again")
    assert node.info(seq)["uploadedSegNum"] == 2
    upload(node, seq, sample, [1, 2])
    node.wait_finalized(seq)
    assert node.content(seq) == sample.data


def test_reorg__one_of_two_submissions_of_the_same_data_undone__the_other_stays_complete(cluster, node):
    sample = Sample(70_000, seed="twice")
    first = stored(cluster.chain, node, sample)
    with undone(cluster.chain):
        [second] = cluster.chain.submit(sample)
        node.wait_finalized(second)
    cluster.chain.submit(Sample(99, seed="after"))
    node.wait_synced()
    assert node.finalized(first)
    assert node.content(first) == sample.data


def test_reorg__while_the_node_is_down__it_finds_its_way_at_the_start(cluster, node):
    sample, other = Sample(300_000, seed="down"), Sample(700, seed="while down")
    with undone(cluster.chain):
        stored(cluster.chain, node, sample)
        node.kill()
    cluster.chain.submit(other)
    node.start()
    eventually(lambda: seq_of(node, sample) is None, "the submission is undone")
    assert_same_flow(cluster.chain, node)
    [seq] = cluster.chain.submit(sample)
    node.wait_finalized(seq)
    assert node.content(seq) == sample.data


def test_reorg__the_chain_s_own_way__blocks_are_exchanged_and_nothing_is_lost(cluster, node):
    """anvil_reorg replaces blocks by empty ones, as if their transactions had been lost."""
    sample = Sample(300_000, seed="anvil")
    stored(cluster.chain, node, sample)
    cluster.chain.rpc("anvil_reorg", 3, [])
    cluster.chain.mine()
    eventually(lambda: seq_of(node, sample) is None, "the submission is undone")
    assert_same_flow(cluster.chain, node)
    [again] = cluster.chain.submit(sample)
    node.wait_finalized(again)
    assert node.content(again) == sample.data


def test_client__its_submission_is_undone__the_same_command_pays_on_the_new_fork_only(cluster, node):
    sample = Sample(300_000, seed="client")
    payer = account(6).address
    before = cluster.chain.balance(payer)
    with cluster.client(6) as client:
        with undone(cluster.chain):
            client.upload(sample.data)
        assert cluster.chain.balance(payer) == before
        eventually(lambda: seq_of(node, sample) is None, "the submission is undone")
        uploaded = client.upload(sample.data)
        assert cluster.chain.submit_events().count(sample.hex) == 1
        again = client.upload(sample.data)
        assert (again.seq, again.transaction_hash) == (uploaded.seq, "")
    assert node.content(uploaded.seq) == sample.data
    assert cluster.chain.submit_events().count(sample.hex) == 1


def test_pool__patience_is_over_before_the_file_comes_back__it_is_not_called_complete(tmp_path):
    sample = Sample(300_000, seed="late")
    with cluster_in(tmp_path) as cluster:
        node = cluster.add(1, "--pool-patience", "10ms")
        with undone(cluster.chain):
            stored(cluster.chain, node, sample)
        cluster.chain.submit(Sample(50))
        eventually(lambda: seq_of(node, sample) is None, "the submission is undone")
        node.stop()
        node.start()  # it looks for what has expired at the start, and then every ten seconds
        data, tree = node.files(sample)
        eventually(lambda: not data.exists() and not tree.exists(), "the data is deleted")
        [seq] = cluster.chain.submit(sample)
        assert node.wait_for(seq)["finalized"] is False
        upload(node, seq, sample)
        node.wait_finalized(seq)
        assert node.content(seq) == sample.data


class Sceptic(threading.Thread):
    """Asks again and again for files by their roots: what is called complete must be served."""

    def __init__(self, node, samples):
        super().__init__(daemon=True)
        self.node, self.samples = node, samples
        self.done = threading.Event()
        self.lies, self.served = [], 0

    def run(self):
        while not self.done.is_set():
            for sample in list(self.samples):
                self.look(sample)

    def look(self, sample):
        """A submission may be undone between two questions: then it is no longer called complete either."""
        for index in sample.segments:
            if not self.node.zgs_checkFileFinalized(sample.hex):
                return
            told = self.node.zgs_downloadSegmentWithProof(sample.hex, index)
            if told == sample.posted(index):
                self.served += 1
            elif self.node.zgs_checkFileFinalized(sample.hex) and told is None:
                told = self.node.zgs_downloadSegmentWithProof(sample.hex, index)
                if told is None and self.node.zgs_checkFileFinalized(sample.hex):
                    self.lies.append((sample, index))
            elif told is not None:
                self.lies.append((sample, index))


def test_reorg__again_and_again_at_random__complete_always_means_served(cluster, node, full_scale):
    dice = random.Random(4)
    samples = [Sample(int(700_000 ** dice.random()) + 1, seed=("walk", number)) for number in range(12)]
    sceptic = Sceptic(node, samples)
    sceptic.start()
    for _ in range(100 if full_scale else 12):
        with undone(cluster.chain):
            for sample in dice.sample(samples, 3):
                stored_or_known(cluster.chain, node, sample)
        chosen = dice.sample(samples, dice.randrange(3))
        if chosen:
            seqs = cluster.chain.submit(*chosen)
            node.wait_synced()
            for seq, sample in zip(seqs, chosen, strict=True):
                send(node, seq, sample)
    cluster.chain.mine(2)
    assert_same_flow(cluster.chain, node)
    sceptic.done.set()
    sceptic.join()
    assert sceptic.lies == []
    assert sceptic.served > 20
    for sample in samples:
        [seq] = cluster.chain.submit(sample)
        node.wait_for(seq)
        send(node, seq, sample)
        node.wait_finalized(seq)
        assert node.content(seq) == sample.data


def stored_or_known(chain, node, sample):
    [seq] = chain.submit(sample)
    node.wait_synced()
    send(node, seq, sample)
    node.wait_finalized(seq)


def send(node, seq, sample):
    """Upload what is not there yet."""
    for index in sample.segments:
        try:
            upload(node, seq, sample, [index])
        except Refused as refused:
            assert "already" in f"{refused.message} {refused.data}", refused
