"""Every contract test starts from the same state."""

import boa
import pytest

from tests.doubles.blocks import install_history, remove_history
from tests.doubles.flow import actors, deploy_flow


@pytest.fixture(autouse=True)
def _isolated():
    with boa.env.anchor():
        yield


@pytest.fixture
def contracts():
    """A flow with its market and pool."""
    return deploy_flow()


@pytest.fixture
def flow(contracts):
    return contracts.flow


@pytest.fixture
def people():
    """Accounts with coins and no rights."""
    return actors("payer", "friend", "outsider")


@pytest.fixture
def history():
    """A chain with EIP-2935."""
    install_history()


@pytest.fixture
def no_history():
    """A chain without EIP-2935."""
    remove_history()
