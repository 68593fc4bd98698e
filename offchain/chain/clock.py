"""Time as the chain package sees it, so that tests can hold it still."""

import threading
import time
from typing import Protocol

from offchain.chain.outcomes import Stopping


class Clock(Protocol):
    """Monotonic seconds, and waiting."""

    def now(self) -> float:
        """Seconds since a fixed moment; never goes backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        time.sleep(seconds)


class StoppableClock:
    """The machine's clock for a process that can be asked to end.

    After `stop` nobody waits any more: retries of a silent RPC and `TransactionSender.send` end with `Stopping` as soon
    as the exchange they are in has its answer or its timeout.
    """

    def __init__(self) -> None:
        """Runs."""
        self._stopped = threading.Event()

    def now(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`; raises `Stopping` once the clock is stopped."""
        if self._stopped.wait(seconds):
            raise Stopping("the process was asked to end")

    def stop(self) -> None:
        """Wake up everybody who waits; safe to call from signal handlers' loops and from any thread."""
        self._stopped.set()
