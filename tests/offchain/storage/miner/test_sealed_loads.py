import threading

import pytest

from offchain.protocol.shards import Shard
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.sealed_loads import SealedLoad


def load(slot, plan=b"p" * 32):
    return SealedLoad(slot, plan, slot * 7, (b"a" * 32, b"b" * 32))


@pytest.fixture
def loads(miner):
    return miner.loads


def test_add__loads__count_also_after_a_restart(miner):
    assert miner.loads.add([load(3), load(0)], miner.loads.doubts)
    miner.restart()
    loads = miner.loads
    assert [slot for slot in range(6) if loads.has(slot)] == [0, 3]
    assert loads.count == 2
    assert loads.find(3) == load(3)
    assert loads.find(1) is None


def test_next_missing__any_slot__is_the_first_that_does_not_count(loads):
    assert loads.next_missing(0) == 0
    loads.add([load(slot) for slot in (0, 1, 3)], loads.doubts)
    assert [loads.next_missing(slot) for slot in (0, 2, 3, 9)] == [2, 2, 4, 9]


def test_add__again__counts_once(loads):
    for _ in range(2):
        loads.add([load(1)], loads.doubts)
    assert loads.count == 1


def test_forget__damaged_load__is_gone_for_good(miner):
    miner.loads.add([load(1), load(2)], miner.loads.doubts)
    miner.loads.forget(1)
    miner.loads.forget(7)
    assert (miner.loads.count, miner.loads.has(1), miner.loads.find(1)) == (1, False, None)
    miner.restart()
    assert (miner.loads.count, miner.loads.find(1)) == (1, None)


def test_doubting__part_of_the_flow__those_loads_count_no_more_and_stay_known(miner):
    miner.loads.add([load(slot) for slot in range(5)], miner.loads.doubts)
    with miner.loads.doubting(2 * 1024 + 5):
        assert miner.loads.count == 2
    miner.restart()
    assert [slot for slot in range(5) if miner.loads.has(slot)] == [0, 1]
    assert miner.loads.find(3) == load(3)


def test_doubting__shard__counts_its_own_loads(make_miner):
    miner = make_miner(holding=Holding(Shard(1, 4)))
    miner.loads.add([load(slot) for slot in range(3)], miner.loads.doubts)
    with miner.loads.doubting(6 * 1024):
        pass
    assert [slot for slot in range(3) if miner.loads.has(slot)] == [0, 1]
    with miner.loads.doubting(5 * 1024):
        pass
    assert [slot for slot in range(3) if miner.loads.has(slot)] == [0]


def test_add__planned_before_the_flow_changed__does_not_count(loads):
    doubts = loads.doubts
    with loads.doubting(1 << 40):
        pass
    assert not loads.add([load(1)], doubts)
    assert loads.count == 0
    assert loads.add([load(1)], loads.doubts)


def test_add__while_the_flow_changes__waits_and_then_does_not_count(loads):
    added, started = [], threading.Event()

    def add(doubts):
        started.set()
        added.append(loads.add([load(1)], doubts))

    with loads.doubting(0):
        thread = threading.Thread(target=add, args=[loads.doubts])
        thread.start()
        started.wait()
        thread.join(0.05)
        assert added == []
    thread.join()
    assert added == [False]


def test_doubting__change_that_fails__doubts_anyway(loads):
    loads.add([load(0)], loads.doubts)
    before = loads.doubts
    with pytest.raises(ZeroDivisionError), loads.doubting(0):
        raise ZeroDivisionError
    assert (loads.count, loads.doubts) == (0, before + 1)
