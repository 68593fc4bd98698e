"""Every load of a flow, put together from files: the bytes and the proof that the whole flow gives."""

import random

import pytest

from offchain.errors import InvalidProof
from offchain.protocol.keccak import keccak256
from offchain.protocol.sealing import sealing_context
from offchain.storage.miner.raw_load import Segment, assemble, load_levels
from tests.doubles.files import File

SEGMENT = 262_144
SHAPES = {
    "one sector": [1],
    "many in one load": [100, 3584, 257, 49152, 1, 9000],
    "whole loads": [SEGMENT, 4 * SEGMENT, SEGMENT],
    "last segment shared": [4 * SEGMENT + 3, 1000, 70_000, 5],
    "padding of whole segments": [17 * SEGMENT + 1, 300, 33 * SEGMENT + 5],
    "gaps": [1, 8 * SEGMENT, 1, 16 * SEGMENT, 1],
    "the published flow": [1, 3584, 257, 49152, 262144, 262145, 25600, 1048579, 245760, 1310737],
}


def flow_of(miner, sizes):
    """Files in the flow, with an epoch after every third one."""
    for number, size in enumerate(sizes):
        miner.submit(File.random(size, number))
        if number % 3 == 2:
            miner.open_epoch()
    miner.submit(File.random(SEGMENT, "last"))  # what was before is complete loads now
    miner.open_epoch()
    return range(miner.flow.tree.length // 1024)


@pytest.mark.parametrize("shape", SHAPES)
def test_loads__of_any_flow__are_its_bytes_and_lead_to_its_root(miner, shape):
    loads, rows = flow_of(miner, SHAPES[shape]), None
    model = miner.model()
    rows = model._rows
    for load in loads:
        plan = miner.planner.plan(load)
        [raw] = miner.library.loads([plan]).loads
        assert raw.data == b"".join(model.raw(load * 1024 + 16 * unit) for unit in range(64)), load
        assert list(load_levels(raw.data, load)[-1]) == [rows[10][load]]
        assert list(raw.siblings) == [rows[10 + level][load >> level ^ 1] for level in range(plan.steps)]
        assert list(plan.contexts) == [
            sealing_context(miner.ranges_told, load * 1024 + 16 * unit) for unit in range(64)
        ]


def test_loads__random_flows__are_their_bytes(make_miner):
    for seed in range(6):
        dice = random.Random(seed)
        miner = make_miner(f"miner-{seed}")
        sizes = [dice.choice([dice.randrange(1, 5000), dice.randrange(1, 40 * SEGMENT)]) for _ in range(8)]
        loads, model = flow_of(miner, sizes), miner.model()
        for load in dice.sample(loads, min(len(loads), 25)):
            [raw] = miner.library.loads([miner.planner.plan(load)]).loads
            assert raw.data == b"".join(model.raw(load * 1024 + 16 * unit) for unit in range(64)), (seed, load)


def test_plan__load_not_complete_or_without_context__is_none(miner):
    miner.submit(File.random(SEGMENT), File.random(100_000))
    assert miner.planner.plan(0) is None
    miner.open_epoch()
    assert miner.planner.sealable() == miner.flow.tree.length == 1024 * 2 + 416
    assert [miner.planner.plan(load) is None for load in range(4)] == [False, False, True, True]


def test_plan__load_between_two_contexts__needs_both(miner):
    miner.submit(File.random(100_000))
    first = miner.open_epoch()
    assert miner.planner.plan(0) is None
    miner.submit(File.random(150_000, 1), File.random(SEGMENT))
    second = miner.open_epoch()
    contexts = miner.planner.plan(0).contexts
    assert (contexts[0], contexts[-1]) == (first, second)
    assert set(contexts) == {first, second}


def test_digest__anything_that_changes_the_sealed_bytes__changes_it(make_miner):
    one, other, later = make_miner("one"), make_miner("other"), make_miner("later")
    for miner, seed in ((one, 0), (other, 1), (later, 0)):
        miner.submit(File.random(2 * SEGMENT, seed))
    later.block += 1
    for miner in (one, other, later):
        miner.open_epoch()
    digests = [miner.planner.plan(load).digest for miner in (one, other, later) for load in (2, 3)]
    assert len(set(digests)) == len(digests)
    assert one.planner.plan(1).digest == one.planner.plan(1).digest


def test_assemble__segment_of_another_file__is_refused(miner):
    miner.submit(File.random(4 * SEGMENT))
    miner.open_epoch()
    other = File.random(4 * SEGMENT, 1).segment(0)
    with pytest.raises(InvalidProof, match="load 4 is not what the flow says"):
        assemble(miner.planner.plan(4), lambda part: Segment(other.data, other.siblings))


@pytest.mark.parametrize("level", [0, 1])
def test_assemble__false_sibling__is_refused(miner, level):
    file = File.random(4 * SEGMENT)
    miner.submit(file)
    miner.open_epoch()
    siblings = list(file.segment(0).siblings)
    siblings[level] = keccak256(siblings[level])
    with pytest.raises(InvalidProof):
        assemble(miner.planner.plan(4), lambda part: Segment(file.segment(0).data, siblings))
