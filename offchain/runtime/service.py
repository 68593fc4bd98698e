"""A worker's parts, and how each is kept alive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from offchain.errors import Retryable
from offchain.runtime.clock import Clock, SystemClock
from offchain.runtime.metrics import Metrics

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
SETTLED = 60.0  # Seconds without failure after which a service counts as working, said or not.


class Context:
    """What a running service knows of its worker."""

    def __init__(self, stop: asyncio.Event, clock: Clock, progressed: Callable[[], None]) -> None:
        """`progressed` is called when the service works."""
        self._stop = stop
        self._clock = clock
        self._progressed = progressed

    @property
    def stopping(self) -> bool:
        """Whether the worker is asked to stop: finish what must not stay half done, then return."""
        return self._stop.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the worker is asked to stop."""
        await self._clock.wait(self._stop, seconds)

    def progress(self) -> None:
        """Say that something succeeded: the next failure is a new one, retried soon and logged again."""
        self._progressed()


@dataclass(frozen=True, slots=True)
class Service:
    """A part of a worker that runs until its context says `stopping`; run again after each `Retryable` error."""

    name: str
    run: Callable[[Context], Awaitable[None]]

    @classmethod
    def repeating(cls, name: str, step: Callable[[], Awaitable[float]]) -> Service:
        """A service that takes one `step` after the other, each returning the seconds to pause before the next."""

        async def run(context: Context) -> None:
            while not context.stopping:
                seconds = await step()
                context.progress()
                await context.pause(seconds)

        return cls(name, run)


@dataclass(slots=True)
class Streak:
    """Failures of a service since it last worked."""

    since: float = 0.0
    failures: int = 0
    kinds: set[type[Retryable]] = field(default_factory=set)

    def add(self, error: Retryable, now: float) -> bool:
        """Count `error`; whether it is the first of its kind in this streak."""
        if not self.failures:
            self.since = now
        self.failures += 1
        first = type(error) not in self.kinds
        self.kinds.add(type(error))
        return first

    def pause(self, jitter: float) -> float:
        """Seconds to wait: doubling, capped, spread by `jitter` (0 to 1) so that workers do not march in step."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.failures - 1, 16))
        return longest * (0.5 + jitter / 2)


class Keeper:
    """Runs one service again and again until it returns, stops, or fails for good."""

    def __init__(
        self,
        service: Service,
        stop: asyncio.Event,
        log: structlog.stdlib.BoundLogger,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`clock` and `jitter` are replaced in tests."""
        self._service = service
        self._stop = stop
        self._log = log.bind(service=service.name)
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._jitter = jitter
        self._streak = Streak()

    async def keep(self) -> None:
        """Returns when the service does; lets everything through that is not `Retryable`."""
        context = Context(self._stop, self._clock, self._recovered)
        while True:
            started = self._clock.now()
            try:
                return await self._service.run(context)
            except Retryable as error:
                if self._clock.now() - started > SETTLED:
                    self._recovered()
                self._failed(error)
            await context.pause(self._streak.pause(self._jitter()))
            if context.stopping:
                return

    def _failed(self, error: Retryable) -> None:
        first = self._streak.add(error, self._clock.now())
        (self._log.warning if first else self._log.debug)("failed, trying again", reason=str(error))
        if self._metrics:
            self._metrics.failures.labels(self._service.name).inc()

    def _recovered(self) -> None:
        if self._streak.failures:
            seconds = round(self._clock.now() - self._streak.since, 1)
            self._log.info("works again", failures=self._streak.failures, seconds=seconds)
            self._streak = Streak()
