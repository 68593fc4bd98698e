"""Networks that may be broken, and clients in front of them."""

import pytest

from offchain.net import http_client
from offchain.storage.client import download, patience
from tests.doubles.cluster import cluster_in
from tests.doubles.command_line import CommandLine
from tests.doubles.guillotine import Guillotine
from tests.doubles.recursion import limit_of_workers


@pytest.fixture
def cluster(tmp_path):
    """A chain without nodes."""
    with cluster_in(tmp_path) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def paying(tmp_path_factory):
    """A cluster with one node, and a command line whose exchanges are counted."""
    folder = tmp_path_factory.mktemp("paying")
    with cluster_in(folder, 1) as cluster, Guillotine(cluster.chain.url, cluster.nodes[0].url) as guillotine:
        yield cluster, CommandLine(cluster, guillotine, folder)


@pytest.fixture
def hasty_client(monkeypatch):
    """Our client as in a process of its own, but that waits less before it asks again."""
    monkeypatch.setattr(download, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(http_client, "FIRST_PAUSE", 0.01)
    with limit_of_workers():
        yield
