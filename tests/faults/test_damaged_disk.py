"""Bits that flip, files that shrink or vanish: the node notices, no longer calls the file complete, and heals."""

import shutil
import sqlite3

import pytest

from offchain.protocol.merkle import verify
from offchain.protocol.sectors import padded_segment_count
from offchain.storage.wire import proof_from_json
from offchain.store.segment_file import HEADER
from tests.doubles.cluster import Storage, cluster_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample, upload

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

SEGMENT = 262_144
SEGMENTS = 5
HASH = 32


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two nodes; disks of the first are damaged, the second has what it needs."""
    with cluster_in(tmp_path_factory.mktemp("damaged"), 2, "--scrub-rate", "1GiB") as cluster:
        for node in cluster.nodes:
            node.wait_peers(1)
        yield cluster


@pytest.fixture
def node(cluster):
    node = cluster.nodes[0]
    if node.worker.code is not None:
        node.start()
    return node


@pytest.fixture
def stored(cluster, node, request):
    """A file that both nodes have."""
    return store(cluster, request.node.name)


def store(cluster, seed):
    """Submission and file, complete at both nodes."""
    sample = Sample(SEGMENTS * SEGMENT - 5000, seed=seed)
    [seq] = cluster.chain.submit(sample)
    for node in cluster.nodes:
        node.wait_for(seq)
        upload(node, seq, sample)
        node.wait_finalized(seq)
    return seq, sample


def lost(node):
    """Roots of files in which the node found damage."""
    return {line["root"] for line in node.events("damaged segment")}


def flip(path, position):
    """One bit of a file on disk."""
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def leaf_at(index):
    """Position of a segment's root in the tree file."""
    return HEADER.size + SEGMENTS + HASH * index


def assert_heals(node, seq, sample):
    """Sooner or later the file is complete again, bytes and proofs."""
    node.wait_finalized(seq)
    eventually(lambda: node.finalized(seq) and node.info(seq)["uploadedSegNum"] == SEGMENTS, "all segments are there")
    for index in sample.segments:
        assert proven(node, seq, sample, index) == sample.segment_data(index)
    assert node.admin.admin_checkFile(seq) == {"checked": SEGMENTS, "damaged": 0}


def proven(node, seq, sample, index):
    """Bytes of a segment whose proof was verified; None when the node has nothing to send."""
    told = node.zgs_downloadSegmentWithProofByTxSeq(seq, index)
    if told is None:
        return None
    verify(proof_from_json(told["proof"]), sample.leaf(index), sample.root, index, padded_segment_count(sample.size))
    return sample.segment_data(index) if told == sample.posted(index) else b"wrong"


def in_data(index):
    return lambda data, tree: flip(data, index * SEGMENT + 1000)


def in_tree(position):
    return lambda data, tree: flip(tree, position)


def shortened(what, size):
    def shorten(data, tree):
        with {"data": data, "tree": tree}[what].open("r+b") as file:
            file.truncate(size)

    return shorten


def removed(*names):
    def remove(data, tree):
        for name in names:
            {"data": data, "tree": tree}[name].unlink()

    return remove


DAMAGE = {
    "a bit of the data": in_data(2),
    "a bit of the last sector": lambda data, tree: flip(data, data.stat().st_size - 1),
    "a bit of a segment's root": in_tree(leaf_at(2)),
    "a bit of a hash further up": in_tree(leaf_at(SEGMENTS) + 5),
    "a segment's mark": in_tree(HEADER.size + 2),
    "a bit of the header": in_tree(3),
    "the end of the data": shortened("data", 3 * SEGMENT + 100),
    "all of the data": shortened("data", 0),
    "the end of the tree": shortened("tree", leaf_at(1)),
    "all of the tree": shortened("tree", 0),
    "the file of the data": removed("data"),
    "the file of the tree": removed("tree"),
    "both files": removed("data", "tree"),
}
ON_A_RUNNING_NODE = [name for name in DAMAGE if name not in ("a segment's mark", "a bit of the header")]
"""Marks and header are kept in memory while a file is open."""


@pytest.fixture(scope="module")
def damaged_while_down(cluster):
    """A file for each kind of damage, done to it while the node was down."""
    node = cluster.nodes[0]
    files = {damage: store(cluster, f"down: {damage}") for damage in DAMAGE}
    node.stop()
    for damage, (_, sample) in files.items():
        DAMAGE[damage](*node.files(sample))
    node.start()
    return files


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_disk__damaged_while_the_node_is_down__is_noticed_and_heals(damaged_while_down, node, damage):
    seq, sample = damaged_while_down[damage]
    eventually(lambda: sample.hex in lost(node), "the first round over the disk finds it")
    assert_heals(node, seq, sample)


@pytest.fixture(scope="module")
def damaged_while_up(cluster):
    """A file for each kind of damage, done to it under the running node, and what the node then sent of it."""
    node = cluster.nodes[0]
    files = {damage: store(cluster, f"up: {damage}") for damage in ON_A_RUNNING_NODE}
    for damage, (_, sample) in files.items():
        DAMAGE[damage](*node.files(sample))
    sent = {}
    for damage, (seq, sample) in files.items():
        sent[damage] = [proven(node, seq, sample, index) for index in sample.segments]
    return {damage: (*files[damage], sent[damage]) for damage in files}


@pytest.mark.parametrize("damage", ON_A_RUNNING_NODE, ids=str)
def test_disk__damaged_under_a_running_node__nothing_wrong_is_served(damaged_while_up, node, damage):
    seq, sample, sent = damaged_while_up[damage]
    for index in sample.segments:
        assert sent[index] in (None, sample.segment_data(index)), index
    assert None not in sent or sample.hex in lost(node)
    assert_heals(node, seq, sample)


def test_disk__damaged_and_nobody_has_a_copy__the_file_is_complete_no_more(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        node, sample = cluster.nodes[0], Sample(3 * SEGMENT)
        [seq] = cluster.chain.submit(sample)
        node.wait_for(seq)
        upload(node, seq, sample)
        node.wait_finalized(seq)
        flip(node.files(sample)[0], SEGMENT + 5)
        assert node.segment(seq, 1) is None
        assert node.finalized(seq) is False
        assert node.info(seq)["uploadedSegNum"] == 2
        assert node.segment(seq, 0) == sample.segment_data(0)
        node.stop()
        node.start()
        assert node.finalized(seq) is False
        upload(node, seq, sample, [1])
        node.wait_finalized(seq)
        assert node.content(seq) == sample.data


def test_disk__bit_flipped_that_nobody_reads__the_node_finds_it_by_itself(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        node, sample = cluster.nodes[0], Sample(3 * SEGMENT)
        [seq] = cluster.chain.submit(sample)
        node.wait_for(seq)
        upload(node, seq, sample)
        node.wait_finalized(seq)
        node.stop()
        flip(node.files(sample)[0], SEGMENT + 5)
        node.start()
        eventually(lambda: node.finalized(seq) is False, "the first round over the disk finds it")


def test_snapshot__all_files_gone__the_node_fetches_everything_from_its_peer(cluster, node, stored):
    seq, sample = stored
    node.stop()
    shutil.rmtree(node.data / "files")
    node.start()
    eventually(lambda: sample.hex in lost(node), "it finds that nothing is there")
    assert_heals(node, seq, sample)


def test_database__overwritten__the_node_says_so_and_starts_anew_without_it(cluster, node, stored):
    seq, sample = stored
    node.stop()
    for path in node.data.glob("node.sqlite*"):
        path.write_bytes(b"this is no database" * 1000)
    node.launch()
    assert node.worker.wait() == 2
    last = node.worker.text().splitlines()[-1]
    assert "node.sqlite is damaged" in last and "remove it to start over" in last
    for path in node.data.glob("node.sqlite*"):
        path.unlink()
    node.start()
    node.wait_for(seq)
    node.wait_finalized(seq)  # the files are still there, and their marks
    assert node.content(seq) == sample.data


def test_database__pages_overwritten__the_node_ends_with_the_reason(cluster, node, stored):
    node.stop()
    path = node.data / "node.sqlite"
    good = path.read_bytes()
    size = int.from_bytes(good[16:18], "big")
    path.write_bytes(good[:size] + b"\xff" * (len(good) - size))
    node.launch()
    assert node.worker.wait() == 2
    assert "is damaged" in node.worker.text().splitlines()[-1]
    path.write_bytes(good)
    node.start()
    seq, sample = stored
    assert node.content(seq) == sample.data


def test_database__of_a_newer_release__is_not_touched(cluster, node):
    node.stop()
    with sqlite3.connect(node.data / "node.sqlite") as database:
        database.execute("UPDATE schema_versions SET version = version + 1 WHERE name = 'catalog'")
    database.close()
    node.launch()
    assert node.worker.wait() == 2
    assert "written by a newer release" in node.worker.text().splitlines()[-1]
    with sqlite3.connect(node.data / "node.sqlite") as database:
        database.execute("UPDATE schema_versions SET version = version - 1 WHERE name = 'catalog'")
    database.close()
    node.start()


def test_directory__of_a_running_node__is_refused_to_a_second(cluster, node):
    twin = Storage(cluster, 1, cluster.chain.url, []).launch()
    assert twin.worker.wait() == 2
    assert f"is in use by process {node.worker.pid}" in twin.worker.text().splitlines()[-1]
    assert node.answers()
