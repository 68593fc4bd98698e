"""Disks without room: what needs some is refused with a reason, nothing is damaged, and it works again afterwards.

A limit on the size of files stands for a full disk, and the device that is always full.
"""

import json
import shutil

import pytest

from tests.doubles.cluster import Storage, cluster_in, private_key
from tests.doubles.nursery import nursery
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample, upload
from tests.doubles.zgs import Refused

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

SEGMENT = 262_144
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A node with one complete file."""
    with cluster_in(tmp_path_factory.mktemp("full"), 1) as cluster:
        cluster.sample = Sample(20 * SEGMENT)
        [cluster.seq] = cluster.chain.submit(cluster.sample)
        node = cluster.nodes[0]
        node.wait_for(cluster.seq)
        upload(node, cluster.seq, cluster.sample)
        node.wait_finalized(cluster.seq)
        yield cluster


@pytest.fixture
def node(cluster):
    """The node, with room."""
    node = cluster.nodes[0]
    if node.worker.code is not None:
        node.start()
    yield node
    if node.worker.code is None:
        node.worker.limit_file_size(None)


def assert_unharmed(cluster, node):
    """What was complete is whole."""
    assert node.worker.code is None
    assert node.content(cluster.seq) == cluster.sample.data
    assert node.admin.admin_checkFile(cluster.seq)["damaged"] == 0


def announced(cluster, seed, size=20 * SEGMENT):
    sample = Sample(size, seed=seed)
    [seq] = cluster.chain.submit(sample)
    cluster.nodes[0].wait_for(seq)
    return seq, sample


def test_upload__no_room_through_the_public_rpc__is_refused_until_there_is_some(cluster, node):
    seq, sample = announced(cluster, "public rpc")
    upload(node, seq, sample, range(10))
    node.worker.limit_file_size(4 * MEBIBYTE)
    for index in (17, 18, 19):
        with pytest.raises(Refused, match="no room is left"):
            upload(node, seq, sample, [index])
    assert node.info(seq)["uploadedSegNum"] == 10
    assert node.segment(seq, 17) is None
    assert node.segment(seq, 9) == sample.segment_data(9)
    assert_unharmed(cluster, node)
    node.worker.limit_file_size(None)
    upload(node, seq, sample, range(10, 20))
    node.wait_finalized(seq)
    assert node.content(seq) == sample.data


def test_upload__no_room_through_our_client__fails_clearly_and_goes_on_later(cluster, node):
    seq, sample = announced(cluster, "client")
    node.worker.limit_file_size(3 * MEBIBYTE)
    with cluster.client(3) as client:
        with pytest.raises(Exception, match="no room is left"):
            client.upload(sample.data)
        assert node.finalized(seq) is False
        assert_unharmed(cluster, node)
        node.worker.limit_file_size(None)
        assert client.upload(sample.data).seq == seq
    assert node.content(seq) == sample.data


def test_upload__device_without_room__names_the_disk(cluster, node):
    sample = Sample(2 * SEGMENT, seed="device")
    data, _ = node.files(sample)
    data.parent.mkdir(parents=True, exist_ok=True)
    data.symlink_to("/dev/full")
    [seq] = cluster.chain.submit(sample)
    node.wait_for(seq)
    with pytest.raises(Refused) as refused:
        upload(node, seq, sample)
    assert refused.value.code == -32000
    assert "no room is left" in refused.value.message
    assert node.info(seq)["uploadedSegNum"] == 0
    assert_unharmed(cluster, node)
    node.stop()
    data.unlink()
    node.start()
    upload(node, seq, sample)
    node.wait_finalized(seq)


def test_start__less_room_than_asked_for__is_refused_with_both_figures(cluster):
    free = shutil.disk_usage(cluster.folder).free
    node = Storage(cluster, 97, cluster.chain.url, ["--min-free-disk", str(2 * free)]).launch()
    assert node.worker.wait() == 2
    last = node.worker.text().splitlines()[-1]
    assert f"{2 * free >> 20} MiB are needed: make room on it" in last


def test_sync__no_room__ends_with_the_reason_and_works_when_asked_again(cluster, node):
    seq, sample = announced(cluster, "sync")
    upload(node, seq, sample)
    node.wait_finalized(seq)
    late = cluster.add(1)
    try:
        late.wait_peers(1)
        late.wait_for(seq)
        late.worker.limit_file_size(2 * MEBIBYTE)
        late.admin.admin_startSyncFile(seq)
        eventually(lambda: late.admin.admin_getSyncStatus(seq).startswith("Failed"), "it fails")
        assert "no room is left" in late.admin.admin_getSyncStatus(seq)
        assert 0 < late.info(seq)["uploadedSegNum"] < 20
        late.worker.limit_file_size(None)
        late.admin.admin_startSyncFile(seq)
        late.wait_finalized(seq)
        assert late.content(seq) == sample.data
    finally:
        late.kill()
        cluster.nodes.remove(late)


def test_database__no_room__the_node_ends_with_a_clear_last_word_and_starts_again(cluster, node):
    room = node.worker.log.stat().st_size + 16384  # the log is a file, too
    node.worker.limit_file_size(room)
    samples = []

    def submit():
        samples.append(Sample(5000, seed=f"database {len(samples)}"))
        cluster.chain.submit(samples[-1])
        return node.worker.code

    assert eventually(submit, "the node ends when it cannot write down what it learns") == 2
    last = json.loads(node.worker.text().splitlines()[-1])
    assert last["event"].startswith("stopped: ") and "node.sqlite" in last["event"]
    node.start()
    for sample in samples:
        told = eventually(lambda sample=sample: node.zgs_getFileInfo(sample.hex, False), "the submission is there")
        upload(node, told["tx"]["seq"], sample)
        node.wait_finalized(told["tx"]["seq"])
    assert_unharmed(cluster, node)


def zg(cluster, folder, *arguments, file_size=None):
    """Exit code and output of a command on a disk where no file grows beyond `file_size`."""
    contracts = {"Flow": cluster.chain.flow.address}
    services = {"storage": [cluster.nodes[0].url]}
    described = {"rpc": cluster.chain.url, "contracts": contracts, "services": services}
    (folder / "network.json").write_text(json.dumps(described))
    settings = {"ZG_CLIENT_PRIVATE_KEY": private_key(4), "ZG_STATE_DIR": str(folder / "state")}
    command = ["storage", *arguments, "--network", folder / "network.json"]
    log = folder / f"{len(list(folder.glob('*.out')))}.out"
    worker = nursery().start("offchain.cli", command, log, file_size, **settings)
    return worker.wait(), worker.text()


def test_download__no_room__leaves_no_file_and_goes_on_when_there_is_some(cluster, node, tmp_path):
    copy = tmp_path / "copy"
    code, told = zg(cluster, tmp_path, "download", cluster.sample.hex, copy, file_size=MEBIBYTE)
    assert code == 4, told
    assert "no room is left" in told
    assert "Traceback" not in told
    assert not copy.exists()
    code, told = zg(cluster, tmp_path, "download", cluster.sample.hex, copy)
    assert code == 0, told
    assert copy.read_bytes() == cluster.sample.data


def test_upload__no_room_for_the_journal__pays_nothing(cluster, node, tmp_path):
    sample = Sample(1000, seed="journal")
    (tmp_path / "file").write_bytes(sample.data)
    code, told = zg(cluster, tmp_path, "upload", tmp_path / "file", "--yes", file_size=2048)
    assert code == 4, told
    assert "Traceback" not in told
    assert sample.hex not in cluster.chain.submit_events()
    code, told = zg(cluster, tmp_path, "upload", tmp_path / "file", "--yes")
    assert code == 0, told
    assert cluster.chain.submit_events().count(sample.hex) == 1
