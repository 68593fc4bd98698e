"""kill -9 of an indexer and of the nodes it lists: clients are told the truth, and all goes on afterwards."""

import pytest

from offchain.errors import ZgError
from offchain.storage.client.api import StorageClient
from tests.doubles.cluster import cluster_in, free_port
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(1800)]

SEGMENT = 262_144


def test_indexer__killed__clients_say_so_and_go_on_when_it_is_back(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        port = free_port()
        indexer = cluster.start_indexer(port)
        sample = Sample(2 * SEGMENT)
        with cluster.client(3) as client:
            client.upload(sample.data)
        indexer.worker.kill()
        with StorageClient(indexer=indexer.url) as client:
            with pytest.raises(ZgError, match=f"{indexer.url} does not answer"):
                client.download(sample.root, tmp_path / "copy")
            cluster.start_indexer(port)
            client.download(sample.root, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == sample.data


def test_indexer__a_listed_node_dies__it_is_listed_no_more_until_it_is_back(tmp_path):
    with cluster_in(tmp_path, 2) as cluster:
        indexer = cluster.start_indexer()
        first, second = cluster.nodes

        def listed():
            return {each["url"] for each in indexer.indexer_getShardedNodes()["trusted"]}

        assert listed() == {first.url, second.url}
        second.kill()
        eventually(lambda: listed() == {first.url}, "the dead node is gone from the list")
        second.start()
        eventually(lambda: listed() == {first.url, second.url}, "it is back")
