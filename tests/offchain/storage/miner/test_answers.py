"""Answers as the mine takes them: every unit of a flow can be proven, but for the first."""

import pytest

from offchain.errors import Busy, Corrupted, Invalid
from offchain.protocol import pora
from offchain.protocol.pora import Parameters
from offchain.protocol.recall import LOAD_SECTORS
from offchain.protocol.shards import Shard
from offchain.storage.miner.answer_book import Answer
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.rounds import Buffer, Round
from tests.doubles.files import File
from tests.doubles.miner_parts import PARAMETERS

SEGMENT = 262_144
SIZES = [1, 3584, 300_000, 17 * SEGMENT + 1, 900, 9 * SEGMENT + 5]


@pytest.fixture
def flow(miner):
    """A miner that has sealed a flow of files large and small."""
    for number, size in enumerate(SIZES):
        miner.submit(File.random(size, number))
        miner.open_epoch()
    miner.seal()
    return miner


def answer(miner, job, load, unit=0, second=None):
    """What was found, as the book has it."""
    digest = job.context.digest
    return Answer("name", "found", 1, digest, b"n" * 32, load * LOAD_SECTORS, unit, b"q" * 32, second, 0.0, 0)


def test_build__any_unit__has_the_proof_that_the_whole_flow_gives(flow):
    job, model = flow.job(), flow.model()
    for load in range(flow.flow.tree.length // 1024):
        for unit in (0, 1, 37, 63):
            built = flow.answers.build(answer(flow, job, load, unit), job)
            assert built.unit == model.unit(load * 1024 + 16 * unit), (load, unit)


def test_build__flow_that_has_grown__proves_below_the_context_that_is_mined(flow):
    job, model = flow.job(), flow.model()
    flow.submit(File.random(5 * SEGMENT, "later"), File.random(70, "later"))
    flow.open_epoch()
    flow.seal()
    for load in range(job.context.flow_length // 1024):
        assert flow.answers.build(answer(flow, job, load, 5), job).unit == model.unit(load * 1024 + 80)


def finds(miner, job, rounds=1):
    """What mining finds in some rounds."""
    found, trying = [], Round(miner.shelf, Buffer(8))
    for _ in range(rounds):
        trying.begin(job)
        found += trying.finish().finds
    return found


def noted(find):
    return Answer(
        "name", "found", 1, find.job.context.digest, find.nonce, find.load, find.unit, find.quality, find.second, 0.0, 0
    )


@pytest.mark.parametrize("shard", [Shard(), Shard(1, 4)])
def test_check__what_mining_finds__is_accepted_by_the_model_of_the_mine(make_miner, shard):
    miner = make_miner(holding=Holding(shard))
    for number, size in enumerate(SIZES):
        miner.submit(File.random(size, number))
        miner.open_epoch()
    miner.seal()
    job = miner.job(target=1 << 249)
    found = finds(miner, job, 12)
    assert len(found) > 5
    for find in found:
        built = miner.answers.build(noted(find), job)
        miner.answers.check(built, job, job.blocks.start)
        assert pora.verify(built, miner.surroundings(job)) == find.quality


def test_check__two_hops__both_units_are_proven(flow):
    job = flow.job(parameters=Parameters(**{**fields(PARAMETERS), "two_hops": True}))
    found = finds(flow, job)
    assert found and all(find.second is not None for find in found)
    for find in found:
        built = flow.answers.build(noted(find), job)
        flow.answers.check(built, job, job.blocks.start)
        assert pora.verify(built, flow.surroundings(job)) == find.quality
        assert built.second == flow.model().unit(find.second)


def fields(parameters):
    return {name: getattr(parameters, name) for name in Parameters.__dataclass_fields__}


@pytest.mark.parametrize(("offset", "accepted"), [(-1, False), (0, True), (49, True), (50, False)])
def test_check__block_outside_of_the_window__is_refused(flow, offset, accepted):
    job = flow.job()
    built = flow.answers.build(noted(finds(flow, job)[0]), job)
    if accepted:
        return flow.answers.check(built, job, job.blocks.start + offset)
    with pytest.raises(Invalid, match="mine: outside the window"):
        flow.answers.check(built, job, job.blocks.start + offset)


def test_check__parameters_that_are_about_to_change__leaves_it_to_the_mine(flow):
    job = flow.job(opening=None)
    flow.answers.check(flow.answers.build(answer(flow, job, 3), job), job, 0)


def test_build__context_that_was_not_followed_yet__is_busy(make_miner, flow):
    ahead = make_miner("ahead")
    for number, size in enumerate([*SIZES, 5]):
        ahead.submit(File.random(size, number))
    with pytest.raises(Busy, match="not followed"):
        flow.answers.build(answer(flow, flow.job(), 0), ahead.job())


def test_build__load_that_is_not_there__is_refused(flow):
    job = flow.job()
    flow.loads.forget(3)
    with pytest.raises(Invalid, match="load 3 is not sealed any more"):
        flow.answers.build(answer(flow, job, 3), job)


def test_build__load_that_the_disk_damaged__is_refused_and_forgotten(flow):
    job = flow.job()
    flow.damage(5, 100)
    with pytest.raises(Invalid, match="load 5 is not sealed any more"):
        flow.answers.build(answer(flow, job, 5), job)
    assert not flow.loads.has(5)


def test_build__subtree_that_the_database_lost__says_so(flow):
    job = flow.job()
    with flow.database.transaction() as transaction:
        transaction.execute("DELETE FROM subtrees WHERE height = 11")
    with pytest.raises(Corrupted, match="is missing: remove the data directory"):
        flow.answers.build(answer(flow, job, 0), job)
