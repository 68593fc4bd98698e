"""Files above the size of a fragment: stored as several, named by all their roots, joined again, paid once."""

import pytest

from offchain.errors import ZgError
from offchain.protocol.fragments import Layout
from offchain.storage.client.source import Source
from offchain.storage.client.upload import UploadOptions
from tests.doubles.cluster import private_key
from tests.doubles.nursery import nursery
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

FRAGMENT = 262_144
SIZE = 12 * FRAGMENT + 1000
USER = 6
SMALL = UploadOptions(replicas=2, fragment=FRAGMENT)


@pytest.fixture(scope="module")
def sample():
    return Sample(SIZE, seed="fragments")


@pytest.fixture(scope="module")
def uploaded(plain, sample):
    """The file in thirteen fragments."""
    with plain.client(USER) as client:
        return client.upload(sample.data, SMALL)


class Interrupted(Exception):
    """A user pressed Ctrl-C."""


def test_upload__file_of_thirteen_fragments__is_announced_in_one_transaction(plain, sample, uploaded):
    parts = [sample.data[each.start : each.start + each.size] for each in Layout(SIZE, FRAGMENT)]
    assert list(uploaded.roots) == [Source.of_bytes(part).root for part in parts]
    assert len({fragment.transaction_hash for fragment in uploaded.fragments}) == 1
    sequences = [fragment.seq for fragment in uploaded.fragments]
    assert sequences == list(range(sequences[0], sequences[0] + 13))
    for node in plain.nodes:
        node.wait_finalized(*sequences)


def test_upload__again__costs_nothing(plain, sample, uploaded):
    before = len(plain.chain.submit_events())
    with plain.client(USER) as client:
        again = client.upload(sample.data, SMALL)
    assert again.roots == uploaded.roots
    assert {fragment.transaction_hash for fragment in again.fragments} == {""}
    assert len(plain.chain.submit_events()) == before


def test_download__from_somebody_else__is_joined_and_verified(plain, sample, uploaded, tmp_path):
    with plain.client(USER + 1) as client:
        client.download(uploaded.roots, tmp_path / "copy")
        assert client.problems == []
        assert client.read(uploaded.roots, FRAGMENT - 5, 10) == sample.data[FRAGMENT - 5 : FRAGMENT + 5]
        assert client.read(uploaded.roots, SIZE - 5, 100) == sample.data[-5:]
        assert b"".join(client.stream(uploaded.roots, 3, 2 * FRAGMENT)) == sample.data[3 : 2 * FRAGMENT + 3]
    assert (tmp_path / "copy").read_bytes() == sample.data


@pytest.mark.parametrize("stage", ["pay", "upload", "finalize"])
def test_upload__interrupted__goes_on_and_pays_once(plain, stage, tmp_path):
    sample = Sample(5 * FRAGMENT + 7, seed=stage)
    before = len(plain.chain.submit_events())

    def interrupting(seen, done, total):
        if seen == stage and done:
            raise Interrupted

    with plain.client(USER, progress=interrupting) as client, pytest.raises(Interrupted):
        client.upload(sample.data, SMALL)
    with plain.client(USER) as client:
        uploaded = client.upload(sample.data, SMALL)
        client.download(uploaded.roots, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert len(plain.chain.submit_events()) == before + 6


def test_download__roots_in_another_order__is_refused(plain, uploaded, tmp_path):
    first, *others, last = uploaded.roots
    with plain.client(USER) as client, pytest.raises(ZgError, match="all but the last have the same size"):
        client.download([last, *others, first], tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_zg__fragments_on_the_command_line__go_up_and_come_down(plain, tmp_path):
    sample = Sample(3 * FRAGMENT + 1, seed="zg")
    (tmp_path / "file").write_bytes(sample.data)
    settings = {"ZG_CLIENT_PRIVATE_KEY": private_key(USER), "ZG_STATE_DIR": str(tmp_path / "state")}
    network = ["--nodes", ",".join(node.url for node in plain.nodes), "--rpc", plain.chain.url]
    network += ["--flow", plain.chain.flow.address]

    def zg(*arguments):
        worker = nursery().start("offchain.cli", ["storage", *arguments], tmp_path / "out", **settings)
        assert worker.wait() == 0, worker.text()
        return worker.text()

    told = zg("upload", tmp_path / "file", "--fragment-size", "200KiB", "--yes", *network)
    facts = dict(line.split(maxsplit=1) for line in told.splitlines() if not line.startswith(" "))
    assert facts["roots"].count(",") == 3
    zg("download", facts["roots"], tmp_path / "copy", *network[:2])
    assert (tmp_path / "copy").read_bytes() == sample.data
    zg("download", facts["roots"], tmp_path / "part", "--range", f"{FRAGMENT - 1}:2", *network[:2])
    assert (tmp_path / "part").read_bytes() == sample.data[FRAGMENT - 1 : FRAGMENT + 1]
    assert f"size          {sample.size}" in zg("info", facts["roots"], *network[:2])


def test_directory__file_of_several_fragments__comes_back(plain, tmp_path):
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "large").write_bytes(Sample(4 * FRAGMENT, seed="large").data)
    (source / "deep" / "small").write_bytes(b"small")
    (source / "empty").touch()
    with plain.client(USER) as client:
        uploaded = client.upload_directory(source, SMALL)
        entries = {str(place): entry for place, entry in client.directory(uploaded.root).walk()}
        assert (len(entries["deep/large"].roots), entries["deep/large"].size) == (4, 4 * FRAGMENT)
        client.download_directory(uploaded.root, copy)
    for name in ("deep/large", "deep/small", "empty"):
        assert (copy / name).read_bytes() == (source / name).read_bytes()
