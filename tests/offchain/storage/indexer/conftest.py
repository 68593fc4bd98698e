"""What tests of the indexer share: nodes within this process, and a fleet of them."""

import pytest

from offchain.net.rest import adapt_rest
from offchain.storage.indexer.fleet import Fleet
from offchain.storage.indexer.gateway import Gateway
from offchain.storage.indexer.lookup import Lookup
from offchain.storage.indexer.rest_api import RestApi
from tests.doubles.browser import Browser
from tests.doubles.neighbours import Neighbours

MAX_LAG = 5


@pytest.fixture
def neighbours(web, make_node):
    """Makes nodes at http://node-1 and so on."""
    return Neighbours(web, make_node)


@pytest.fixture
def pair(neighbours):
    """Two whole nodes."""
    neighbours.add(2)
    return neighbours


@pytest.fixture
def looked():
    """A fleet of some nodes, once it has looked at them."""

    def make(neighbours):
        fleet = Fleet(neighbours.urls, 5.0, MAX_LAG, lambda: 1_700_000_000.5)
        fleet.look()
        return fleet

    return make


@pytest.fixture
def fleet(pair, looked):
    return looked(pair)


@pytest.fixture
def served(looked):
    """A browser of an indexer over some nodes."""

    def make(neighbours, max_downloads=4, max_bytes=4 << 20):
        fleet = looked(neighbours)
        lookup = Lookup(fleet)
        api = RestApi(fleet, lookup, Gateway(lookup, max_downloads, max_bytes), 1 << 20)
        return Browser([(method, path, adapt_rest(exchange)) for method, path, exchange in api.routes])

    return make
