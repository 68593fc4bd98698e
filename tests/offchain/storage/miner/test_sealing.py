"""Sealing: every load that can be sealed is, rightly, whatever goes wrong on the way."""

import errno
import os
from itertools import count

import pytest
from structlog.testing import capture_logs

from offchain.protocol.shards import Shard
from offchain.storage.miner import sealing
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.sealed_file import checksum
from offchain.storage.miner.sealed_ranges import Found
from tests.doubles.files import File
from tests.doubles.killing import Killed
from tests.doubles.running import run_service

SEGMENT = 262_144
SIZES = [3000, 5 * SEGMENT + 9, 700, 2 * SEGMENT, 20 * SEGMENT]


def fill(miner, *sizes, seed=0):
    for number, size in enumerate(sizes or SIZES):
        miner.submit(File.random(size, f"{seed}/{number}"))
        miner.open_epoch()


def assert_sealed(miner):
    """All that can be sealed is, as it should be."""
    count = miner.holding.slots(miner.planner.sealable())
    assert miner.loads.count == count
    assert_right(miner, range(count))


def assert_right(miner, slots):
    """The loads in these slots count, and are what they should be."""
    model = miner.model()
    for slot in slots:
        assert miner.loads.has(slot)
        assert miner.sealed(slot) == miner.expected(slot, model), slot
        assert miner.loads.find(slot).checksum == checksum(miner.sealed(slot))


def counted(miner):
    return [slot for slot in range(64) if miner.loads.has(slot)]


@pytest.mark.parametrize("shard", [Shard(), Shard(1, 2), Shard(5, 8)])
def test_seal__flow__is_what_the_protocol_makes_of_it(make_miner, shard):
    miner = make_miner(holding=Holding(shard))
    fill(miner)
    assert miner.sealing.pending() == miner.holding.slots(miner.flow.tree.length)
    assert miner.seal() == sealing.IDLE_SECONDS
    assert_sealed(miner)
    assert (miner.sealing.pending(), miner.sealing.problem) == (0, None)
    slot, model = miner.loads.count // 2, miner.model()
    assert miner.sealed(slot)[:4096] == model.sealed(miner.holding.load(slot) * 1024)


def test_seal__again__fetches_nothing(miner):
    fill(miner)
    miner.seal()
    miner.library.asked.clear()
    miner.seal()
    assert miner.library.asked == []


def test_seal__flow_grows__only_what_is_new_is_fetched(miner):
    fill(miner)
    miner.seal()
    known = miner.loads.count
    miner.library.asked.clear()
    fill(miner, 3 * SEGMENT, seed=1)
    miner.seal()
    assert_sealed(miner)
    assert sorted(load for group in miner.library.asked for load in group) == list(range(known, miner.loads.count))


def test_seal__large_file__is_fetched_in_groups(miner):
    fill(miner, 40 * SEGMENT)
    miner.seal()
    assert max(map(len, miner.library.asked)) == sealing.GROUP
    assert_sealed(miner)


def test_seal__file_that_nobody_has__the_others_are_sealed_and_it_is_asked_for_again_later(miner):
    fill(miner)
    lost = miner.placed[1]
    miner.library.away.add(lost.root)
    miner.seal()
    touched = set(range(lost.start // 1024, -(-lost.length // 1024)))
    assert touched.isdisjoint(counted(miner))
    assert miner.sealing.pending() == len(touched)
    assert miner.metrics.values()["zg_miner_files_missing"] == 1
    miner.library.away.clear()
    miner.library.asked.clear()
    miner.seal()
    assert miner.library.asked == []
    miner.clock.sleep(sealing.RETRY_SECONDS + 1)
    miner.seal()
    assert_sealed(miner)


def test_seal__no_room_on_the_disk__waits_and_says_so(make_miner):
    miner = make_miner(min_free=1 << 62)
    fill(miner)
    with capture_logs() as logs:
        assert miner.seal() == miner.seal() == sealing.RETRY_SECONDS
    assert miner.loads.count == 0
    assert "would be left on the disk" in miner.sealing.problem
    assert [line["event"] for line in logs] == ["sealing waits for room on the disk"]
    miner.sealing._min_free = 0
    miner.seal()
    assert_sealed(miner)
    assert miner.sealing.problem is None


def test_seal__disk_full_in_the_middle__nothing_counts_that_is_not_whole(miner, monkeypatch):
    fill(miner)
    writes = iter(range(100))

    def full(descriptor, data, at):
        if next(writes) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(descriptor, data, at)

    original = os.pwrite
    monkeypatch.setattr(os, "pwrite", full)
    assert miner.seal() == sealing.RETRY_SECONDS
    assert "no room is left" in miner.sealing.problem
    monkeypatch.undo()
    assert_right(miner, counted(miner))
    miner.seal()
    assert_sealed(miner)


@pytest.mark.parametrize(("name", "moments"), [("pwrite", (0, 3, 14, 15, 16, 29)), ("fdatasync", (0, 1))])
def test_seal__process_dies_at_any_call__the_next_one_goes_on(make_miner, monkeypatch, name, moments):
    for moment in moments:
        miner = make_miner(f"{name}-{moment}")
        fill(miner)
        calls, original = iter(range(1000)), getattr(os, name)

        def die(*arguments, calls=calls, original=original, moment=moment):
            if next(calls) == moment:
                raise Killed
            return original(*arguments)

        monkeypatch.setattr(os, name, die)
        with pytest.raises(Killed):
            miner.seal()
        monkeypatch.undo()
        miner.restart()
        assert_right(miner, counted(miner))
        miner.seal()
        assert_sealed(miner)


def test_reorganisation__other_file__only_what_changed_is_sealed_anew(miner):
    fill(miner)
    miner.seal()
    fork = miner.placed[3].block - 1
    kept = miner.placed[2].length // 1024
    miner.roll_back(fork)
    assert miner.loads.count == kept
    miner.library.asked.clear()
    fill(miner, 4 * SEGMENT, 9 * SEGMENT, seed="fork")
    miner.seal()
    assert_sealed(miner)
    assert min(load for group in miner.library.asked for load in group) >= kept


def test_reorganisation__same_files_come_back__nothing_is_fetched(miner):
    fill(miner)
    miner.seal()
    last, ranges = miner.placed[-1], list(miner.ranges_told)
    before = {slot: miner.sealed(slot) for slot in range(miner.loads.count)}
    miner.roll_back(last.block - 1)
    miner.announce(last.submission, block=last.block)
    miner.ranges.replace(last.block, [Found(ranges[-1], last.block + 1)])
    miner.ranges_told = ranges
    miner.library.asked.clear()
    miner.seal()
    assert [group for group in miner.library.asked if group] == []
    assert {slot: miner.sealed(slot) for slot in range(miner.loads.count)} == before
    assert_sealed(miner)


def test_reorganisation__same_files_but_the_disk_lost_one__that_one_is_sealed_again(miner):
    fill(miner)
    miner.seal()
    last, ranges = miner.placed[-1], list(miner.ranges_told)
    miner.roll_back(last.block - 1)
    miner.damage(last.start // 1024 + 2)
    miner.announce(last.submission, block=last.block)
    miner.ranges.replace(last.block, [Found(ranges[-1], last.block + 1)])
    miner.ranges_told = ranges
    miner.library.asked.clear()
    miner.seal()
    assert [group for group in miner.library.asked if group] == [[last.start // 1024 + 2]]
    assert_sealed(miner)


def test_reorganisation__while_loads_are_made__they_do_not_count(miner):
    fill(miner)
    loads, made = miner.library.loads, []

    def fork(plans):
        found = loads(plans)
        if not made:
            made.append(plans)
            block = miner.placed[1].block - 1
            miner.roll_back(block)
            fill(miner, 7 * SEGMENT, 300, seed="fork")
        return found

    miner.library.loads = fork
    miner.seal()
    assert made
    assert_right(miner, counted(miner))
    miner.clock.sleep(sealing.RETRY_SECONDS + 1)
    miner.seal()
    assert_sealed(miner)


def test_reorganisation__before_a_restart__is_not_forgotten(miner):
    fill(miner)
    miner.seal()
    miner.roll_back(miner.placed[2].block - 1)
    miner.restart()
    kept = miner.loads.count
    assert kept == miner.placed[-1].length // 1024
    fill(miner, 12 * SEGMENT, seed="fork")
    miner.seal()
    assert_sealed(miner)


class Spent:
    """An allowance that is told what was spent, and always answers with the same pause."""

    def __init__(self, pause):
        self.pause, self.amounts = pause, []

    def use(self, amount):
        self.amounts.append(amount)
        return self.pause


def test_service__stopped__ends_after_the_present_group(miner):
    fill(miner, 200 * SEGMENT)
    asked = []
    stopping = lambda: len(asked) > 1  # noqa: E731

    def loads(plans, original=miner.library.loads):
        asked.append(plans)
        return original(plans)

    miner.library.loads = loads
    miner.sealing.advance(stopping)
    assert 0 < miner.loads.count < 60


def test_advance__pause_for_the_cpu_share__is_kept_in_part_only_when_it_is_asked_to_stop(make_miner, monkeypatch):
    miner = make_miner(cpu=Spent(3600))
    fill(miner)
    end = miner.clock.time + 5

    def sleep(seconds):
        miner.clock.time += seconds

    monkeypatch.setattr(sealing.time, "sleep", sleep)
    miner.sealing.advance(lambda: miner.clock.time >= end)
    assert end <= miner.clock.time < end + 2
    assert miner.loads.count > 0  # what was made is kept


def test_advance__while_there_is_something_to_mine__counts_what_it_spends_several_times(make_miner, monkeypatch):
    spent = []
    for name, is_mining in (("idle", False), ("mining", True)):
        cpu = Spent(0)
        miner = make_miner(name, cpu=cpu, is_mining=lambda answer=is_mining: answer)
        monkeypatch.setattr(sealing.time, "thread_time", count(0, 2).__next__)
        fill(miner)
        miner.seal()
        spent.append(set(cpu.amounts))
    assert spent == [{2}, {2 * sealing.WEIGHT}]


def test_service__runs__seals(miner):
    fill(miner)
    clock = run_service(miner.sealing.service)
    assert clock.waited == [sealing.IDLE_SECONDS]
    assert_sealed(miner)
