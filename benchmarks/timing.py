"""Clocks for benchmarks."""

import statistics
import time
from collections.abc import Callable


def median_seconds(work: Callable[[], object], runs: int = 9) -> float:
    """Median wall time of `work` over `runs` runs, after one more that fills caches."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
