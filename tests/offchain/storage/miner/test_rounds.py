"""Rounds of mining find what the readable protocol finds, in what is here."""

import pytest

from offchain.protocol.pora import Parameters
from offchain.protocol.recall import LOAD_SECTORS, passes_gate, recall, scan, second_quality
from offchain.protocol.shards import Shard
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.rounds import Buffer, Round
from tests.doubles.files import File
from tests.doubles.miner_parts import EASIEST, PARAMETERS

SEGMENT = 262_144
TWO_HOPS = Parameters(**{**{name: getattr(PARAMETERS, name) for name in PARAMETERS.__slots__}, "two_hops": True})


def fill(miner):
    miner.submit(File.random(5 * SEGMENT), File.random(2 * SEGMENT, 1))
    miner.open_epoch()
    miner.seal()
    return miner


@pytest.fixture
def sealed(miner):
    return fill(miner)


def tally(miner, job, capacity=8):
    """What a round does, and its nonces."""
    trying = Round(miner.shelf, Buffer(capacity))
    trying.begin(job)
    return trying.finish(), trying._batch.nonces


def expected(miner, job, nonces):
    """The same by the protocol, one hop."""
    found = []
    for nonce in nonces:
        recalled = recall(job.task, nonce)
        slot = None if recalled.position is None else miner.holding.slot(recalled.position // LOAD_SECTORS)
        if slot is not None and miner.loads.has(slot):
            hits = scan(recalled, miner.sealed(slot), job.bound)
            found += [(nonce, recalled.position, hit.unit, hit.quality) for hit in hits]
    return found


def told(finds):
    return [(find.nonce, find.load, find.unit, find.quality) for find in finds]


@pytest.mark.parametrize("shard", [Shard(), Shard(1, 2), Shard(3, 4)])
def test_finish__one_hop__finds_what_the_protocol_finds(make_miner, shard):
    miner = fill(make_miner(holding=Holding(shard)))
    job = miner.job(target=1 << 251)
    found, nonces = tally(miner, job)
    wanted = [each for each in expected(miner, job, nonces) if each[1] or each[2]]
    assert told(found.finds) == wanted
    assert found.hashes == 64 * found.loads
    assert found.bytes == SEGMENT * found.loads


def test_finish__loads_that_are_not_here__are_left_out(sealed):
    job = sealed.job(target=1 << 251)
    for slot in range(0, sealed.loads.count, 2):
        sealed.loads.forget(slot)
    found, nonces = tally(sealed, job, 24)
    assert told(found.finds) == [each for each in expected(sealed, job, nonces) if each[1] or each[2]]
    assert 0 < found.loads < 24


def test_finish__first_unit_of_the_flow__is_never_found(sealed):
    found, nonces = tally(sealed, sealed.job(), 64)
    assert {find.load for find in found.finds} >= {0}
    assert (0, 0) not in {(find.load, find.unit) for find in found.finds}
    assert len(found.finds) == 64 * found.loads - sum(
        recall(sealed.job().task, nonce).position == 0 for nonce in nonces
    )


def test_finish__two_hops__finds_what_the_protocol_finds(sealed):
    job = sealed.job(target=1 << 253, parameters=TWO_HOPS)
    found, nonces = tally(sealed, job, 40)
    wanted = []
    for nonce, load, unit, first in expected(sealed, sealed.job(), nonces):
        second = job.task.range.second_position(first) if passes_gate(first) and (load or unit) else None
        if second:
            data = sealed.sealed(second // 1024)[second % 1024 // 16 * 4096 :][:4096]
            wanted.append((nonce, load, unit, second_quality(first, data), second))
    good = [each for each in wanted if int.from_bytes(each[3], "big") <= job.bound]
    assert [(*told([find])[0], find.second) for find in found.finds] == good
    assert found.hashes == len(wanted)
    assert good and len(good) < len(wanted)


def test_finish__second_unit_that_is_not_here__counts_for_nothing(sealed):
    job = sealed.job(parameters=TWO_HOPS)
    for slot in range(4, sealed.loads.count):
        sealed.loads.forget(slot)
    found, _ = tally(sealed, job, 64)
    assert all(find.second < 4 * 1024 for find in found.finds)


def test_finish__damaged_load__is_forgotten_and_not_scanned(sealed):
    sealed.damage(5, 1000)
    job = sealed.job(target=EASIEST)
    found, _ = tally(sealed, job, 64)
    assert 5 * 1024 not in {find.load for find in found.finds}
    assert not sealed.loads.has(5)
    assert sealed.loads.find(5) is None
    sealed.seal()
    assert sealed.sealed(5) == sealed.expected(5)


def test_finish__one_in_many_is_checked__the_damage_is_found_in_the_end(make_miner):
    miner = fill(make_miner(check_every=16))
    miner.damage(5, 1000)
    rounds = 0
    while miner.loads.has(5):
        tally(miner, miner.job(target=0), 64)
        rounds += 1
    assert rounds < 200


def test_finish__file_cut_off__what_is_gone_is_forgotten(sealed):
    (sealed.folder / "sealed.data").open("r+b").truncate(3 * SEGMENT + 10)
    tally(sealed, sealed.job(target=0), 64)
    assert not sealed.loads.has(5)
    assert sealed.loads.has(0)


def test_nonces__any_buffers__never_repeat():
    one, other = Buffer(4), Buffer(4)
    nonces = [nonce for _ in range(5) for buffer in (one, other) for nonce in buffer.nonces()]
    assert len(set(nonces)) == len(nonces) == 40
    assert {len(nonce) for nonce in nonces} == {32}
