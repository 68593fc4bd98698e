"""What tests of the client share: nodes within this process, and a network over them."""

import pytest

from offchain.protocol.shards import Shard
from offchain.storage.client.network import Network
from tests.doubles.neighbours import Neighbours


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
