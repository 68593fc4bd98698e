"""`python -m benchmarks.storage.reward_share`: what a miner earns that holds only a part of the data.

The recall position is known once the pad is made, before anything is read. So a miner that holds a share f of the loads
makes pads until one leads to a load that it holds, and spends reading and hashing on hits alone. Earnings are relative
to a miner with all the data that spends as much. Costs are in units of one load read and hashed.

Everything printed is the same on every machine: the simulation runs the real pads and qualities, and counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.fast.recall import Batch
from offchain.protocol.recall import GATE, LOAD_BYTES, LOAD_SECTORS, LOAD_UNITS, RecallRange, Task

LOADS = 4096
NONCES = 16_384
BATCH = 64
TASK = Task(bytes(32), bytes(32), RecallRange(0, LOADS * LOAD_SECTORS))
FRACTIONS = (1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01)

Held = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a pad, and of a second unit read and hashed, both in loads read and hashed."""

    name: str
    pad: float
    second: float


COSTS = (Costs("pads on one core, data in memory", 0.4, 0.03), Costs("pads for nothing", 0.0, 0.03))


def one_hop(fraction: float, costs: Costs) -> float:
    """Earnings with one hop: a miss costs a pad."""
    return fraction * (costs.pad + 1) / (costs.pad + fraction)


def early_hop(fraction: float, costs: Costs) -> float:
    """Earnings if one unit led to a second load, where all hashes are counted: a miss costs a pad, maybe a unit.

    The obvious form of two hops, for comparison.
    """
    unit, work = costs.second, costs.pad + fraction * costs.second + fraction**2
    return fraction**2 * (costs.pad + unit + 1) / work


def two_hops(fraction: float, costs: Costs) -> float:
    """Earnings with two hops: a second unit that is missing costs the whole load that led to it."""
    work = costs.pad + fraction * (1 + fraction * costs.second)
    return fraction**2 * (costs.pad + 1 + costs.second) / work


@dataclass(frozen=True, slots=True)
class Sample:
    """Nonces worked out: the load of each, and for each quality that passed the gate its nonce and its second load."""

    loads: NDArray[np.int64]
    nonces: NDArray[np.int64]
    second_loads: NDArray[np.int64]

    def earned(self, held: Held, costs: Costs) -> tuple[float, float]:
        """Earnings for each unit of cost with one hop and with two, of a miner with the loads `held`.

        With two hops a quality that passes stands for as many hashes as it takes to find one.
        """
        scanned = held[self.loads]
        seconds = scanned[self.nonces] & held[self.second_loads]
        base = costs.pad * len(self.loads) + scanned.sum()
        gate = (1 << 256) // GATE
        return LOAD_UNITS * scanned.sum() / base, gate * seconds.sum() / (base + costs.second * seconds.sum())


def sample(count: int = NONCES) -> Sample:
    """The first `count` nonces, by real pads and qualities. All loads hold the same bytes: that moves no position."""
    batch, load = Batch(BATCH), np.random.default_rng(0).integers(0, 256, LOAD_BYTES, np.uint8)
    loads, nonces, seconds = list[int](), list[int](), list[int]()
    for first in range(0, count, BATCH):
        numbers = [number.to_bytes(32, "big") for number in range(first, first + BATCH)]
        loads += [(position or 0) // LOAD_SECTORS for position in batch.recall(TASK, numbers)]
        for hit in batch.scan([load] * BATCH, GATE - 1):
            nonces.append(int.from_bytes(hit.nonce, "big"))
            seconds.append((TASK.range.second_position(hit.quality) or 0) // LOAD_SECTORS)
    return Sample(np.array(loads), np.array(nonces), np.array(seconds))


def lines() -> Iterator[str]:
    """The table, one for each kind of costs."""
    taken, order = sample(), np.random.default_rng(1).permutation(LOADS)
    everything = np.ones(LOADS, np.bool_)
    for costs in COSTS:
        yield f"{costs.name}: a pad costs {costs.pad}, a second unit {costs.second} of a load"
        yield f"{'held':>6}{'one hop':>10}{'simulated':>11}{'early hop':>11}{'two hops':>10}{'simulated':>11}"
        whole = taken.earned(everything, costs)
        for fraction in FRACTIONS:
            part = taken.earned(order < round(fraction * LOADS), costs)
            one, two = (share / all_ for share, all_ in zip(part, whole, strict=True))
            model = (one_hop(fraction, costs), early_hop(fraction, costs), two_hops(fraction, costs))
            yield f"{fraction:>6.0%}{model[0]:>10.1%}{one:>11.1%}{model[1]:>11.1%}{model[2]:>10.1%}{two:>11.1%}"
        yield ""


if __name__ == "__main__":
    print("\n".join(lines()).rstrip())
