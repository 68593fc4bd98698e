"""What tests of storage roles share."""

import pytest

from tests.doubles.local_web import LocalWeb
from tests.doubles.node_parts import NodeParts

CALLERS = ["client.network", "indexer.fleet", "node.peers"]


@pytest.fixture
def make_node(tmp_path):
    """Makes nodes, each in a folder of its own; closes them in the end."""
    made = []

    def make(name="node", **options):
        made.append(NodeParts(tmp_path / name, **options))
        return made[-1]

    yield make
    for node in made:
        node.close()


@pytest.fixture
def node(make_node):
    """A node that holds the whole flow."""
    return make_node()


@pytest.fixture
def web(monkeypatch):
    """All servers that clients can call: those that a test makes within this process."""
    local = LocalWeb()
    for module in CALLERS:
        monkeypatch.setattr(f"offchain.storage.{module}.HttpClient", local.client)
    return local
