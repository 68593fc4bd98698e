"""The hash rate of this machine: what mining reaches when no disk holds it up."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from offchain.fast.compiled import warm_up
from offchain.fast.hash_row import aligned
from offchain.fast.recall import Batch
from offchain.protocol.recall import LOAD_BYTES, LOAD_SECTORS, LOAD_UNITS, RecallRange, Task

NONCES = 64
TASK = Task(bytes(32), bytes(32), RecallRange(0, NONCES * LOAD_SECTORS))


def hash_rate(seconds: float, threads: int) -> float:
    """Hashes a second on `threads` threads, measured for so many seconds; with two hops each load counts for one."""
    warm_up()
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda _: _rate(seconds), range(threads)))


def _rate(seconds: float) -> float:
    batch, loads = Batch(NONCES), aligned(NONCES * LOAD_BYTES).reshape(NONCES, LOAD_BYTES)
    loads[:] = np.frombuffer(os.urandom(LOAD_BYTES), np.uint8)
    fixed, count, started = os.urandom(24), 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds or not count:
        batch.recall(TASK, [fixed + (count + number).to_bytes(8, "big") for number in range(NONCES)])
        batch.scan(list(loads), 0)
        count += NONCES
    return count * LOAD_UNITS / passed
