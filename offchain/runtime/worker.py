"""The loop: runs a worker's services until they end, fail, or the operator says stop; an exit code for each outcome."""

import asyncio
import os
import random
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import structlog

from offchain.errors import ZgError
from offchain.runtime.clock import Clock, SystemClock
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Keeper, Service

STOPPED, BROKEN, REFUSED = 0, 1, 2
"""Exit codes: asked to stop or done; an unknown error (a bug), or services that would not stop; a person must act."""

THREADS = 64
"""More than a worker's lanes for requests take together: its services always find one."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that services have to finish after a stop, and then to let go after being cancelled."""

    grace: float = 10.0
    release: float = 5.0


def run(
    name: str,
    worker: AbstractContextManager[Sequence[Service]],
    *,
    metrics: Metrics | None = None,
    patience: Patience | None = None,
    signals: Iterable[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
    end_at_once: Callable[[int], object] = os._exit,
) -> int:
    """Enter `worker`, run the services it gives, leave it; returns the exit code for `sys.exit`.

    The first of `signals` asks the services to stop, the second ends the process at once, as do threads that hold on
    longer than `patience`. Errors end up in one last line, with a traceback only where they are bugs.
    """
    log = get_logger(name)
    try:
        with worker as services:
            return asyncio.run(_main(services, log, metrics, patience or Patience(), signals, end_at_once))
    except ZgError as error:
        log.error("stopped: " + str(error), kind=type(error).__name__)
        return REFUSED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception:  # noqa: BLE001  # the one place that catches everything: a bug ends the worker, visibly
        log.exception("stopped by an unknown error, please report it")
        return BROKEN


async def _main(
    services: Sequence[Service],
    log: structlog.stdlib.BoundLogger,
    metrics: Metrics | None,
    patience: Patience,
    signals: Iterable[signal.Signals],
    end_at_once: Callable[[int], object],
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            log.warning("ending at once", signal=number.name)
            end_at_once(128 + number)
        log.info("stopping", signal=number.name, grace_seconds=patience.grace)
        stop.set()

    for number in signals:
        loop.add_signal_handler(number, on_signal, number)
    executor = ThreadPoolExecutor(THREADS, thread_name_prefix="worker")
    loop.set_default_executor(executor)
    log.info("running", services=[service.name for service in services])
    try:
        stuck = await supervise(services, stop, log, metrics, patience)
    finally:
        # The interpreter waits for threads without limit; better to end than to ignore the operator.
        if not await _drained(executor, patience.release):
            log.error("a thread would not end, leaving it behind")
            end_at_once(BROKEN)
    if stuck:
        log.error("services would not stop, leaving them behind", services=stuck)
        end_at_once(BROKEN)
    log.info("stopped")
    return STOPPED


async def supervise(
    services: Sequence[Service],
    stop: asyncio.Event,
    log: structlog.stdlib.BoundLogger,
    metrics: Metrics | None = None,
    patience: Patience | None = None,
    clock: Clock | None = None,
    jitter: Callable[[], float] = random.random,
) -> list[str]:
    """Run `services` until `stop` is set, all have returned, or one raises what is not `Retryable`.

    Then sets `stop` for the others, gives them their grace, cancels what is left. Raises the first error; returns the
    names of services that held on even then.
    """
    clock, patience = clock or SystemClock(), patience or Patience()
    keepers = {
        asyncio.create_task(Keeper(service, stop, log, metrics, clock, jitter).keep()): service.name
        for service in services
    }
    stopper = asyncio.create_task(stop.wait())
    running = set(keepers)
    while running and not stop.is_set():
        done, _ = await asyncio.wait({*running, stopper}, return_when=asyncio.FIRST_COMPLETED)
        running -= done
        if any(_error_of(task) for task in done & keepers.keys()):
            stop.set()
    stopper.cancel()
    stop.set()
    await _wait(running, clock, patience.grace)
    for task in running:
        task.cancel()
    await _wait(running, clock, patience.release)
    for task in keepers:
        if error := _error_of(task):
            raise error
    return sorted(name for task, name in keepers.items() if not task.done())


def _error_of(task: asyncio.Task[Any]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


async def _wait(tasks: set[asyncio.Task[None]], clock: Clock, seconds: float) -> None:
    if not tasks:
        return
    finished = asyncio.Event()
    waiting = asyncio.ensure_future(asyncio.wait(tasks))
    waiting.add_done_callback(lambda _: finished.set())
    await clock.wait(finished, seconds)
    waiting.cancel()


async def _drained(executor: ThreadPoolExecutor, seconds: float) -> bool:
    loop, drained = asyncio.get_running_loop(), asyncio.Event()

    def join() -> None:
        executor.shutdown(wait=True, cancel_futures=True)
        loop.call_soon_threadsafe(drained.set)

    threading.Thread(target=join, daemon=True).start()
    await SystemClock().wait(drained, seconds)
    return drained.is_set()
