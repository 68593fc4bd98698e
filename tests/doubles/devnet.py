"""A network of real processes for tests: chain, contracts, storage nodes, indexer."""

from contextlib import contextmanager

from scripts._lib.network import Ports, bring_up
from scripts._lib.processes import Services

USERS = range(3, 10)  # the accounts before them are governor, guardian and treasury


@contextmanager
def network_in(folder, node_options=None):
    """A network whose processes live as long as the context."""
    services = Services(folder)
    try:
        yield bring_up(services, Ports.any(), lambda _: None, node_options)
    finally:
        services.stop()


def key_of(network, number):
    """Private key of a development account."""
    return network.describe()["accounts"][number]["key"]
