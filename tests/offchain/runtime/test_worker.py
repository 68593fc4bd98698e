import asyncio
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from offchain.errors import BadSettings, ChainUnavailable
from offchain.runtime.logging import get_logger
from offchain.runtime.service import Service
from offchain.runtime.worker import BROKEN, REFUSED, STOPPED, run, supervise
from tests.doubles.clock import FakeAsyncClock

ROOT = Path(__file__).parents[3]


async def forever(context):
    while not context.stopping:
        await context.pause(1)


async def once(context):
    pass


def supervised(*services, stop_after=None):
    """What `supervise` returned, and the pauses it took."""

    async def main():
        stop, clock = asyncio.Event(), FakeAsyncClock()
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, stop.set)
        named = [Service(service.__name__, service) for service in services]
        return await supervise(named, stop, get_logger("node"), clock=clock, jitter=lambda: 1.0), clock

    return asyncio.run(main())


def test_supervise__all_services_return__ends():
    assert supervised(once, once)[0] == []


def test_supervise__stop__lets_services_finish():
    finished = []

    async def careful(context):
        await forever(context)
        finished.append(1)

    assert supervised(careful, stop_after=0.01)[0] == []
    assert finished == [1]


def test_supervise__service_that_ignores_the_stop__is_cancelled():
    cancelled = []

    async def deaf(context):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    stuck, clock = supervised(deaf, forever, stop_after=0.01)
    assert (stuck, cancelled) == ([], [1])
    assert 10.0 in clock.waited


def test_supervise__service_that_swallows_cancellation__is_named():
    async def main():
        stop, release = asyncio.Event(), asyncio.Event()

        async def stubborn(context):
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        stop.set()
        services = [Service("stubborn", stubborn)]
        stuck = await supervise(services, stop, get_logger("node"), clock=FakeAsyncClock())
        release.set()
        return stuck

    assert asyncio.run(main()) == ["stubborn"]


def test_supervise__one_service_fails_for_good__stops_the_others_and_raises():
    ended = []

    async def careful(context):
        await forever(context)
        ended.append(1)

    async def failing(context):
        raise BadSettings("no")

    with pytest.raises(BadSettings):
        supervised(careful, failing)
    assert ended == [1]


def test_supervise__retryable_failure__leaves_the_others_alone():
    tries = []

    async def flaky(context):
        tries.append(1)
        if len(tries) < 3:
            raise ChainUnavailable("silent")

    assert supervised(flaky, once)[0] == []
    assert len(tries) == 3


@contextmanager
def giving(*services, events=None):
    try:
        yield [Service(service.__name__, service) for service in services]
    finally:
        if events is not None:
            events.append("closed")


def run_here(worker):
    with capture_logs() as logs:
        code = run("node", worker, signals=())
    return code, logs


def test_run__services_done__closes_the_worker_and_returns_0():
    events = []
    code, logs = run_here(giving(once, events=events))
    assert (code, events) == (STOPPED, ["closed"])
    assert [entry["event"] for entry in logs] == ["running", "stopped"]


def test_run__fatal_error__ends_with_one_clear_line_and_code_2():
    async def failing(context):
        raise BadSettings("the balance is gone: top it up")

    events = []
    code, logs = run_here(giving(failing, forever, events=events))
    assert (code, events) == (REFUSED, ["closed"])
    assert logs[-1]["event"] == "stopped: the balance is gone: top it up"
    assert "exc_info" not in logs[-1]


def test_run__start_up_refused__ends_with_code_2():
    @contextmanager
    def refusing():
        raise BadSettings("this cannot start")
        yield

    code, logs = run_here(refusing())
    assert code == REFUSED
    assert [entry["event"] for entry in logs] == ["stopped: this cannot start"]


def test_run__unknown_error__ends_with_traceback_and_code_1():
    async def buggy(context):
        raise ZeroDivisionError

    code, logs = run_here(giving(buggy))
    assert code == BROKEN
    assert logs[-1]["exc_info"]


class Process:
    """A worker process; `behaviour` names a service in the double."""

    def __init__(self, behaviour):
        command = [sys.executable, "-m", "tests.doubles.stopping_worker", behaviour]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if behaviour not in ("broken", "refused"):
            assert self.process.stdout.readline() == "ready\n"

    def signal(self, number):
        self.process.send_signal(number)
        return self

    def end(self):
        """Exit code, output and log."""
        output, log = self.process.communicate(timeout=20)
        return self.process.returncode, output.split("\n")[:-1], log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal__polite_services__finish_close_and_exit_0(number):
    code, output, log = Process("polite").signal(number).end()
    assert (code, output) == (0, ["finished work", "closed"])
    assert '"event": "stopped"' in log


def test_signal__service_that_ignores_it__is_cancelled_after_its_grace():
    assert Process("deaf").signal(signal.SIGTERM).end()[:2] == (0, ["closed"])


def test_signal__service_inside_a_thread__is_cancelled_once_the_thread_has_ended():
    assert Process("busy").signal(signal.SIGTERM).end()[:2] == (0, ["closed"])


@pytest.mark.parametrize("behaviour", ["stuck", "forgetful"])
def test_signal__thread_that_never_ends__is_left_behind_with_code_1(behaviour):
    code, output, log = Process(behaviour).signal(signal.SIGTERM).end()
    assert code == 1
    assert "closed" not in output  # what the thread uses is not closed under it
    assert "a thread would not end" in log


def test_signal__second_one__ends_at_once():
    worker = Process("stuck").signal(signal.SIGTERM)
    while '"event": "stopping"' not in worker.process.stderr.readline():
        pass
    assert worker.signal(signal.SIGTERM).end()[0] == 128 + signal.SIGTERM


def test_process__bug__shows_a_traceback_and_exits_1():
    code, output, log = Process("broken").end()
    assert (code, output) == (1, ["closed"])
    assert "ZeroDivisionError: a bug" in log


def test_process__refusal__ends_with_one_line_and_exits_2():
    code, _, log = Process("refused").end()
    assert code == 2
    assert "stopped: the balance is gone: top it up" in log.splitlines()[-1]
    assert "Traceback" not in log
