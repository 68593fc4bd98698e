"""How much of something the miner's threads use together: seconds of CPU, or bytes from the disk."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.2
"""What was not used is saved up for as long as this."""


class Allowance:
    """An amount per second; safe to share between threads."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        """`rate` per second, infinity for no limit."""
        self._rate = rate
        self._now = now
        self._lock = threading.Lock()
        self._since = now()
        self._left = 0.0

    def use(self, amount: float) -> float:
        """Note that `amount` was used; the seconds to pause before more is."""
        if math.isinf(self._rate):
            return 0.0
        with self._lock:
            now = self._now()
            saved = self._left + (now - self._since) * self._rate
            self._left, self._since = min(saved, BURST_SECONDS * self._rate) - amount, now
            return max(-self._left / self._rate, 0.0)
