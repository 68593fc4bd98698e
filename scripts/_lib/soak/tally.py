"""What happened so far: counts for the progress line, and findings, any of which fails the soak."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from offchain.errors import NotFound, Retryable

T = TypeVar("T")

PATIENCE = 300.0  # seconds in which whatever can be repeated has to succeed
PAUSE = 0.5


class Tally:
    """Shared by all threads of a soak."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        """That were uploaded."""
        self.findings: list[str] = []
        self.given_up = threading.Event()
        """Set when nobody is to go on."""

    def add(self, what: str, count: int = 1) -> None:
        """`what` happened, so many times."""
        with self._lock:
            self.counts[what] += count

    def uploaded(self, count: int) -> None:
        """So many bytes were uploaded."""
        with self._lock:
            self.counts["uploads"] += 1
            self.bytes += count

    def find(self, *findings: str) -> None:
        """Something happened that must not."""
        with self._lock:
            self.findings += findings

    def persist(self, action: Callable[[], T]) -> T:
        """What `action` returns, repeated as users are told to: when it says that this may help.

        NotFound counts as that, for the only node that has a file may be dead just now.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return action()
            except (Retryable, NotFound):
                self.add("retries")
                if time.monotonic() > deadline or self.given_up.wait(PAUSE):
                    raise

    def line(self, seconds: float) -> str:
        """All of it in one line, `seconds` after the start."""
        with self._lock:
            told = [f"{count:,} {what}" for what, count in sorted(self.counts.items())]
            ends = f"{self.bytes / 1e6:,.1f} MB up", f"{len(self.findings)} findings"
        return f"{int(seconds) // 60:3}:{int(seconds) % 60:02}  " + " · ".join([ends[0], *told, ends[1]])
