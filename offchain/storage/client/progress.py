"""How long work tells of itself: a stage, how much of it is done, how much there is."""

from __future__ import annotations

import threading
from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the stage ("hash", "pay", "upload", "finalize", "download"), bytes done and bytes in all."""


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


class Counter:
    """Adds up what several threads have done of one stage."""

    def __init__(self, progress: Progress, stage: str, total: int) -> None:
        """`total` in bytes; told at once, so that a display can start."""
        self._progress = progress
        self._stage = stage
        self._total = total
        self._done = 0
        self._lock = threading.Lock()
        progress(stage, 0, total)

    def add(self, count: int) -> None:
        """`count` more bytes are done."""
        with self._lock:
            self._done += count
            self._progress(self._stage, self._done, self._total)
