"""The pace that the other side of a connection must keep."""

from __future__ import annotations

from dataclasses import dataclass

IDLE_SECONDS = 20.0
LEAST_RATE = 1024  # bytes per second


@dataclass(frozen=True, slots=True)
class Pace:
    """What the other side must keep to: pause at most `idle` seconds, and move `rate` bytes per second on average.

    What it was faster at first it may be slower later, but for no longer than `idle`.
    """

    idle: float = IDLE_SECONDS
    rate: int = LEAST_RATE

    def credit(self, left: float, waited: float, moved: int) -> float:
        """Seconds that the next pause may last, after one of `waited` seconds that brought `moved` bytes."""
        return min(self.idle, left - waited + moved / self.rate)
