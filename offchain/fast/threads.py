"""Work spread over threads, which pays because kernels run without the interpreter lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def core_count() -> int:
    """Cores that this process may use, as far as the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(work: Callable[[int], None], items: range, threads: int, watch: Callable[[], None]) -> None:
    """Call `work` on all `items`, on this thread and `threads` - 1 others; `watch` after each one done on this thread.

    Each thread takes the next item when it is ready: nobody waits for a slower one. The first error ends all of them
    after their present item, and is raised.
    """
    upcoming, stopped = iter(items), threading.Event()

    def drain(after: Callable[[], None]) -> None:
        try:
            for item in upcoming:
                if stopped.is_set():
                    return
                work(item)
                after()
        except BaseException:
            stopped.set()
            raise

    if threads == 1:
        return drain(watch)
    with ThreadPoolExecutor(threads - 1, "spread") as pool:
        others = [pool.submit(drain, lambda: None) for _ in range(threads - 1)]
        drain(watch)
        for other in others:
            other.result()
