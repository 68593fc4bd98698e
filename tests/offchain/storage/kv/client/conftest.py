"""What tests of the key-value client share."""

import pytest

from tests.doubles.kv_panel import KvPanel
from tests.doubles.kv_town import KvTown
from tests.doubles.neighbours import Neighbours


@pytest.fixture
def kv(tmp_path):
    """Servers that a test adds."""
    made = KvPanel(tmp_path)
    yield made
    made.close()


@pytest.fixture
def one(kv):
    """A single server."""
    kv.add()
    return kv


@pytest.fixture
def two(kv):
    """Two servers that know the same."""
    kv.add()
    kv.add()
    return kv


@pytest.fixture
def make_town(tmp_path, web, make_node):
    """Makes towns with storage nodes and key-value servers."""
    made = []

    def make(servers=1, nodes=1, **options):
        neighbours = Neighbours(web, make_node)
        neighbours.add(nodes)
        made.append(KvTown(tmp_path, neighbours, servers, **options))
        return made[-1]

    yield make
    for town in made:
        town.close()


@pytest.fixture
def town(make_town):
    """A storage node and a key-value server."""
    return make_town()
