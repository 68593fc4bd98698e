import asyncio
from dataclasses import replace
from math import inf

import pytest

from offchain.runtime.clock import SystemClock
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Context
from offchain.storage.miner import mining
from offchain.storage.miner.allowance import Allowance
from offchain.storage.miner.mining import Limits, Mining
from tests.doubles.files import File
from tests.doubles.polling import PATIENCE

SEGMENT = 262_144


class Worked:
    """Mining by real threads, until a test has seen what it wants."""

    def __init__(self, miner, threads=1, room=lambda: True, cpu=inf):
        self.finds, self.metrics = [], Metrics("test", "0")
        self.mining = Mining(
            miner.shelf, Limits(threads, Allowance(cpu), Allowance(inf)), self.finds.append, room, self.metrics
        )

    def until(self, seen):
        """Run the service until `seen()`."""

        async def main():
            stop = asyncio.Event()
            running = asyncio.create_task(self.mining.service.run(Context(stop, SystemClock(), lambda: None)))
            try:
                async with asyncio.timeout(PATIENCE):
                    while not seen() and not running.done():
                        await asyncio.sleep(0.01)
            finally:
                stop.set()
                await running

        asyncio.run(main())


@pytest.fixture
def sealed(miner):
    miner.submit(File.random(6 * SEGMENT))
    miner.open_epoch()
    miner.seal()
    return miner


def test_mine__job__finds_and_counts(sealed):
    work = Worked(sealed, threads=2)
    job = sealed.job(target=1 << 250)
    work.mining.work_on(job)
    work.until(lambda: len(work.finds) > 20)
    assert {find.job for find in work.finds} == {job}
    values = work.metrics.values()
    assert values["zg_miner_hashes_total"] == 64 * values["zg_miner_loads_total"] > 0
    assert values["zg_miner_read_bytes_total"] == SEGMENT * values["zg_miner_loads_total"]
    assert values["zg_miner_work_seconds_total"] > 0
    assert values["zg_miner_read_seconds_total"] > 0


@pytest.mark.parametrize("obstacle", ["no job", "nothing sealed", "no room"])
def test_mine__nothing_to_do__tries_nothing(miner, sealed, obstacle):
    looks = []
    work = Worked(sealed, room=lambda: looks.append(1) or obstacle != "no room")
    if obstacle == "nothing sealed":
        for slot in range(sealed.loads.count):
            sealed.loads.forget(slot)
    work.mining.work_on(None if obstacle == "no job" else sealed.job())
    work.until(lambda: obstacle != "no room" or len(looks) > 3)
    assert not work.mining.is_busy
    assert work.finds == []
    assert work.metrics.values()["zg_miner_hashes_total"] == 0


def test_mine__job_comes_and_goes__follows(sealed):
    work = Worked(sealed)
    first, second = sealed.job(target=1 << 250, epoch=1), sealed.job(target=1 << 250, epoch=2)
    work.mining.work_on(first)

    def seen():
        if work.finds and work.mining._job is first:
            work.mining.work_on(second)
        return any(find.job == second for find in work.finds)

    work.until(seen)


class Used:
    """An allowance that remembers what was used, and asks for hours once that is enough."""

    def __init__(self, enough):
        self.enough, self.amounts = enough, []

    def use(self, amount):
        self.amounts.append(amount)
        return 3600.0 if len(self.amounts) >= self.enough else 0.0


@pytest.mark.parametrize("scarce", ["cpu", "disk"])
def test_mine__allowance_used_up__pauses_and_still_stops(sealed, scarce):
    work, used = Worked(sealed), Used(3)
    work.mining._limits = replace(work.mining._limits, **{scarce: used})
    work.mining.work_on(sealed.job())
    work.until(lambda: len(used.amounts) == 3)
    assert len(used.amounts) == 3
    values = work.metrics.values()
    assert (
        sum(used.amounts) == values["zg_miner_work_seconds_total" if scarce == "cpu" else "zg_miner_read_bytes_total"]
    )


def test_mine__error_in_a_thread__ends_the_service(sealed, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(sealed.shelf, "read", broken)
    monkeypatch.setattr(mining, "NAP", 0.01)
    work = Worked(sealed)
    work.mining.work_on(sealed.job())
    with pytest.raises(ZeroDivisionError):
        work.until(lambda: False)
