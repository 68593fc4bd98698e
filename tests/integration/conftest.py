"""Networks: one that all tests share which only add files, and others made to measure."""

import pytest

from tests.doubles.cluster import cluster_in


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Two whole nodes that nobody stops, on a chain that nobody forks."""
    with cluster_in(tmp_path_factory.mktemp("plain"), 2) as cluster:
        yield cluster


@pytest.fixture
def chain(plain):
    return plain.chain


@pytest.fixture
def node(plain):
    return plain.nodes[0]
