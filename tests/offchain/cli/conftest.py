"""What tests of the command line share."""

import os

import pytest

from tests.doubles.zg import Surroundings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """No network in the directory, none in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ZG_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def around(tmp_path, monkeypatch):
    """A file, a node, a chain."""
    made = Surroundings(tmp_path, monkeypatch)
    yield made
    made.node.close()
