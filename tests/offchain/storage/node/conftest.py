"""What tests of nodes share."""

import pytest

from tests.doubles.neighbourhood import Neighbourhood


@pytest.fixture
def network(web, make_node):
    """A node and its peers."""
    return Neighbourhood(web, make_node)
