"""What tests of the client share: nodes within this process, and a network over them."""

import pytest

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.client import api
from offchain.storage.client.api import StorageClient
from offchain.storage.client.network import Network
from offchain.storage.client.upload import Uploader
from tests.doubles.files import random_bytes
from tests.doubles.flow_log import FLOW
from tests.doubles.neighbours import Neighbours
from tests.doubles.paying import PAYER
from tests.doubles.rpc import URL
from tests.doubles.town import Town


@pytest.fixture
def neighbours(web, make_node):
    """Makes nodes that answer at http://node-1 and so on, and tell their clients of the same submissions."""
    return Neighbours(web, make_node)


@pytest.fixture
def pair(neighbours):
    """Two whole nodes."""
    neighbours.add(2)
    return neighbours


@pytest.fixture
def halves(neighbours):
    """Two nodes with half of the flow each."""
    neighbours.add(1, Shard(0, 2))
    neighbours.add(1, Shard(1, 2))
    return neighbours


@pytest.fixture
def network(pair):
    """A network of two whole nodes."""
    return Network(pair.urls, None)


@pytest.fixture
def town(tmp_path, pair):
    """A chain that two nodes follow."""
    (tmp_path / "town").mkdir()
    made = Town(tmp_path / "town", pair)
    yield made
    made.close()


@pytest.fixture
def client(town, pair, tmp_path, monkeypatch):
    """A client that pays on the chain of the town."""

    class LocalUploader(Uploader):
        def __init__(self, network, wallet, progress):
            super().__init__(network, town.payer.wallet, progress, town.pause)

    monkeypatch.setattr(api, "Uploader", LocalUploader)
    with StorageClient(pair.urls, rpc=URL, account=PAYER, flow=FLOW, state=tmp_path / "state") as made:
        yield made


@pytest.fixture
def tree(tmp_path):
    """A directory with files of any size, one of them twice, and a link."""
    top = tmp_path / "tree"
    (top / "deep" / "empty").mkdir(parents=True)
    (top / "deep" / "large").write_bytes(random_bytes(3 * SEGMENT_BYTES + 700))
    (top / "small").write_bytes(b"small")
    (top / "twin").write_bytes(b"small")
    (top / "nothing").touch()
    (top / "link").symlink_to("deep/large")
    return top
