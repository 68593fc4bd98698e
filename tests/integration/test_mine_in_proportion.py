"""Miners that work equally hard earn in proportion to what they hold: part of a flow must reach a better quality.

The search, the sealed files, the contracts and the rewards are real; only how many nonces a miner tries is the test's.
"""

from itertools import accumulate
from math import exp, lgamma, log

import pytest

from offchain.protocol.shards import Shard
from offchain.storage.miner.holding import Holding
from tests.doubles.miners import FIRST_MINER, mining_in
from tests.doubles.prospector import Prospector
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

SHARDS = [Shard(0, 2), Shard(1, 4), Shard(3, 4)]
LOADS = 32
SEGMENT = 262_144
EPOCHS, ROUNDS, DIFFICULTY = 7, 8, 200
PROOFS = 900
"""At least: a miner tries 32,768 hashes an epoch, and one in 200 wins where all is held, so that 1,150 are expected."""

UNLIKELY = 1e-7
"""Chance of each of three bounds to fail for a right implementation."""

BASE = 10**15


def chances(count, chance):
    """Of 0, 1, … `count` successes in `count` tries."""
    return [
        exp(lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1) + k * log(chance) + (count - k) * log(1 - chance))
        for k in range(count + 1)
    ]


def bounds(count, chance):
    """The fewest and the most successes in `count` tries that are not `UNLIKELY`."""
    of = chances(count, chance)
    fewest = next(k for k, total in enumerate(accumulate(of)) if total > UNLIKELY)
    fewest_failures = next(k for k, total in enumerate(accumulate(reversed(of))) if total > UNLIKELY)
    return fewest, count - fewest_failures


@pytest.fixture
def network(tmp_path):
    """A flow that is paid for and donated to; three miners that hold all of it between them."""
    with mining_in(tmp_path, nodes=0, difficulty=DIFFICULTY, epoch_blocks=240, mine_blocks=240, wanted=200) as network:
        chain, sample = network.chain, Sample(LOADS * SEGMENT)
        chain.donate(10_000 * BASE, BASE)
        chain.submit(sample)
        chain.open_epoch()
        network.prospectors = [
            Prospector(tmp_path / f"{shard.number}", chain, FIRST_MINER + number, Holding(shard))
            for number, shard in enumerate(SHARDS)
        ]
        for miner in network.prospectors:
            miner.library.add(sample)
            miner.prepare()
        yield network
        for miner in network.prospectors:
            miner.close()


def test_mine_in_proportion__equal_work__earns_what_is_held(network):
    chain, miners = network.chain, network.prospectors
    assert sum(miner.loads.count for miner in miners) == chain.flow.length() // 1024
    for _ in range(EPOCHS):
        finds = [(miner, find) for miner in miners for find in miner.search(ROUNDS)]
        for miner, find in finds:
            miner.prove(find)
        chain.open_epoch()
        for miner in miners:
            miner.prepare()
    proofs = chain.proofs()
    assert len(proofs) > PROOFS
    for miner, shard in zip(miners, SHARDS, strict=True):
        won = sum(proof.miner_id == miner.miner_id for proof in proofs)
        fewest, most = bounds(len(proofs), 1 / shard.count)
        assert fewest <= won <= most
        assert miner.owed() == pytest.approx(won * BASE, rel=0.01)


def test_bounds__equal_split__would_be_noticed():
    fewest, _ = bounds(PROOFS, 1 / 2)
    assert sum(chances(PROOFS, 1 / 3)[fewest:]) < 10 * UNLIKELY
