"""Indexers that lie, or believe liars: the file comes from whoever has it."""

import pytest

from offchain.storage.client.api import StorageClient
from tests.doubles.lies import call, flipped, frames, honest_cluster, lying

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300), pytest.mark.usefixtures("hasty_client")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with honest_cluster(tmp_path_factory.mktemp("lies")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sample(cluster):
    return cluster.sample


INDEXER_LIES = {
    "nodes that are not there": lambda honest: [located("http://127.0.0.1:1"), located(honest)],
    "something else as a node": lambda honest: [located(honest + "/nowhere"), located(honest)],
    "nonsense": lambda honest: [{"url": 5}],
    "nothing": lambda honest: [],
}


def located(url):
    return {"url": url, "config": {"shardId": 0, "numShard": 1}, "latency": 0, "since": 0}


def lying_indexer(cluster, holders):
    """Tells of `holders` whatever it is asked."""
    return lying(cluster.indexer, after=call("indexer_getFileLocations", lambda answer: answer.result(holders)))


@pytest.mark.parametrize("lie", INDEXER_LIES, ids=str)
def test_indexer__lies_about_holders__the_file_comes_from_who_has_it(cluster, sample, lie, tmp_path):
    with (
        lying_indexer(cluster, INDEXER_LIES[lie](cluster.nodes[1].url)) as indexer,
        StorageClient(indexer=indexer.url) as client,
    ):
        client.download(sample.root, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == sample.data


def test_indexer__lists_a_liar__the_other_node_gives_the_truth(cluster, sample, tmp_path):
    with (
        lying(cluster.nodes[0].url, after=frames(lambda body: flipped(body, 1000))) as liar,
        lying_indexer(cluster, [located(liar.url), located(cluster.nodes[1].url)]) as indexer,
        StorageClient(indexer=indexer.url) as client,
    ):
        client.download(sample.root, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == sample.data
    assert client.problems
