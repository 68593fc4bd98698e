from math import inf

import pytest

from offchain.storage.miner.allowance import BURST_SECONDS, Allowance
from tests.doubles.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def used(allowance, clock, amount, seconds, work=0.0):
    """What somebody gets within `seconds` that uses `amount` at a time, each taking `work` seconds, and pauses."""
    end, total = clock.time + seconds, 0.0
    while clock.time < end:
        clock.time += work
        total += amount
        clock.time += allowance.use(amount)
    return total


@pytest.mark.parametrize("rate", [0.5, 1.0, 3.0])
def test_use__again_and_again__stays_at_the_rate(clock, rate):
    assert used(Allowance(rate, clock.now), clock, 0.01, 100) == pytest.approx(100 * rate, rel=0.01)


def test_use__less_than_the_rate__never_pauses(clock):
    allowance = Allowance(1000, clock.now)
    for _ in range(50):
        clock.time += 1
        assert allowance.use(900) <= 900 / 1000


def test_use__after_a_long_rest__only_a_burst_is_saved_up(clock):
    allowance = Allowance(100, clock.now)
    clock.time += 3600
    assert allowance.use(100 * BURST_SECONDS) == 0
    assert allowance.use(100) == pytest.approx(1)


def test_use__no_limit__never_pauses(clock):
    assert Allowance(inf, clock.now).use(1e18) == 0


def test_use__two_threads__share_it(clock):
    allowance = Allowance(1.0, clock.now)
    assert allowance.use(0.5) == pytest.approx(0.5)
    assert allowance.use(0.5) == pytest.approx(1.0)
