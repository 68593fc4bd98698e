"""What tests of miners share."""

import pytest

from tests.doubles.miner_parts import MinerParts


@pytest.fixture
def make_miner(tmp_path):
    """Makes miners, each in a folder of its own; closes them in the end."""
    made = []

    def make(name="miner", **options):
        made.append(MinerParts(tmp_path / name, **options))
        return made[-1]

    yield make
    for miner in made:
        miner.close()


@pytest.fixture
def miner(make_miner):
    """A miner that holds the whole flow."""
    return make_miner()
