import asyncio

import pytest
from structlog.testing import capture_logs

from offchain.errors import BadSettings, ChainInconsistent, ChainUnavailable
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import FIRST_PAUSE, LONGEST_PAUSE, SETTLED, Keeper, Service
from tests.doubles.clock import FakeAsyncClock


class Script:
    """A step that fails or succeeds as planned, then asks the worker to stop."""

    def __init__(self, outcomes, stop):
        self.outcomes, self.stop = list(outcomes), stop

    async def step(self):
        if not self.outcomes:
            self.stop.set()
            return 0.0
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def keep(outcomes, metrics=None, jitter=1.0):
    """Run a repeating service through `outcomes`; returns its clock and its log."""

    async def main():
        stop, clock = asyncio.Event(), FakeAsyncClock()
        service = Service.repeating("watch", Script(outcomes, stop).step)
        with capture_logs() as logs:
            await Keeper(service, stop, get_logger("node"), metrics, clock, lambda: jitter).keep()
        return clock, logs

    return asyncio.run(main())


def told(logs, *levels):
    return [entry["event"] for entry in logs if entry["log_level"] in levels]


def test_keep__steps_that_succeed__pause_as_they_say():
    clock, logs = keep([1.0, 0.0, 7.0])
    assert [pause for pause in clock.waited if pause] == [1.0, 7.0]
    assert logs == []


def test_keep__retryable_failures__are_logged_once_and_retried_with_growing_pauses():
    clock, logs = keep([ChainUnavailable("silent")] * 4)
    assert clock.waited == [FIRST_PAUSE, 1.0, 2.0, 4.0]
    assert told(logs, "warning") == ["failed, trying again"]
    assert logs[0]["reason"] == "silent"
    assert logs[0]["service"] == "watch"


def test_keep__many_failures__pause_is_capped():
    clock, _ = keep([ChainUnavailable("silent")] * 40)
    assert max(clock.waited) == LONGEST_PAUSE


def test_keep__jitter__spreads_pauses_over_the_upper_half():
    clock, _ = keep([ChainUnavailable("silent")] * 3, jitter=0.0)
    assert clock.waited == [FIRST_PAUSE / 2, 0.5, 1.0]


def test_keep__another_kind_of_failure_in_the_streak__is_logged_too():
    _, logs = keep([ChainUnavailable("a"), ChainInconsistent("b"), ChainUnavailable("c")])
    assert [entry["reason"] for entry in logs if entry["log_level"] == "warning"] == ["a", "b"]


def test_keep__recovery__is_logged_and_ends_the_streak():
    clock, logs = keep([ChainUnavailable("a"), ChainUnavailable("b"), 0.0, ChainUnavailable("c")])
    assert told(logs, "warning", "info")[:3] == ["failed, trying again", "works again", "failed, trying again"]
    recovery = next(entry for entry in logs if entry["event"] == "works again")
    assert (recovery["failures"], recovery["seconds"]) == (2, FIRST_PAUSE + 1.0)
    assert clock.waited[-1] == FIRST_PAUSE


def test_keep__failures__are_counted():
    metrics = Metrics("node", "1")
    keep([ChainUnavailable("a"), ChainUnavailable("b")], metrics)
    assert 'zg_service_failures_total{service="watch"} 2.0' in metrics.exposition().decode()


def test_keep__service_that_ran_long_before_failing__starts_a_new_streak():
    async def main():
        stop, clock, runs = asyncio.Event(), FakeAsyncClock(), []

        async def run(context):
            runs.append(clock.time)
            clock.time += SETTLED + 1
            if len(runs) == 3:
                stop.set()
            raise ChainUnavailable("now and then")

        with capture_logs() as logs:
            await Keeper(Service("watch", run), stop, get_logger("node"), None, clock, lambda: 1.0).keep()
        return clock, logs

    clock, logs = asyncio.run(main())
    assert clock.waited == [FIRST_PAUSE, FIRST_PAUSE]
    assert len(told(logs, "warning")) == 3


@pytest.mark.parametrize("error", [BadSettings("no"), ZeroDivisionError()])
def test_keep__error_that_retrying_cannot_help__goes_through(error):
    with pytest.raises(type(error)):
        keep([error])


def test_keep__asked_to_stop_while_pausing__does_not_try_again():
    async def main():
        stop, tries = asyncio.Event(), []

        async def run(context):
            tries.append(1)
            stop.set()
            raise ChainUnavailable("silent")

        await Keeper(Service("watch", run), stop, get_logger("node"), None, FakeAsyncClock()).keep()
        return tries

    assert asyncio.run(main()) == [1]
