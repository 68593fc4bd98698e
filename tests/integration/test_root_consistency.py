"""Contract and node grow the same tree: upstream's four sizes, and a walk of random ones."""

import random

import pytest

from offchain.storage.wire import from_hex
from tests.doubles.cluster import cluster_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

SECTORS = [1, 14, 192, 768]
LENGTHS = [2, 22, 320, 1792]
WALK = 40


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A node of a flow in which nothing is yet."""
    with cluster_in(tmp_path_factory.mktemp("roots"), 1) as cluster:
        yield cluster


def assert_same(chain, node):
    """The node's flow is the contract's."""
    last = chain.flow.submissions() - 1
    root, length = chain.flow.root_after(last), chain.flow.length()
    eventually(lambda: node.zgs_getStatus()["nextTxSeq"] == last + 1, "the node knows all submissions")
    told_root, told_length = node.zgs_getFlowContext()
    assert (from_hex(told_root), told_length) == (root, length)


def test_flow__upstream_s_sizes__have_upstream_s_lengths(fresh):
    node = fresh.nodes[0]
    for sectors, length in zip(SECTORS, LENGTHS, strict=True):
        fresh.chain.submit(Sample(sectors * 256, seed="roots"))
        assert fresh.chain.flow.length() == length
        assert_same(fresh.chain, node)


def test_flow__random_sizes_and_batches__same_root_after_each(fresh, full_scale):
    dice = random.Random(5)
    for step in range(WALK * 10 if full_scale else WALK):
        sizes = [dice.choice([1, 300, 5_000, 70_000, 300_000]) + dice.randrange(999) for _ in range(dice.randint(1, 3))]
        fresh.chain.submit(*(Sample(size, seed=step) for size in sizes))
        assert_same(fresh.chain, fresh.nodes[0])


def test_flow__node_that_comes_late__has_the_same_root(fresh):
    assert_same(fresh.chain, fresh.add(1, "--log-page", "7"))
