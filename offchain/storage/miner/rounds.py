"""A round of mining: nonces worked out, the loads that they recall read and scanned."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offchain.fast.hash_row import Bytes, aligned
from offchain.fast.recall import Batch, second_qualities
from offchain.protocol.recall import GATE, LOAD_BYTES, LOAD_SECTORS, LOAD_UNITS, Hit
from offchain.protocol.sealing import UNIT_BYTES, UNIT_SECTORS
from offchain.storage.miner.job import Job
from offchain.storage.miner.shelf import Shelf

NONCES = 64
FIXED_BYTES = 24
"""Of a nonce, drawn once for each thread: no two rounds try the same."""


@dataclass(frozen=True, slots=True)
class Find:
    """What is good enough: unit `unit` of the load at sector `load`; with two hops also the unit at sector `second`."""

    job: Job
    nonce: bytes
    load: int
    unit: int
    quality: bytes
    second: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What a round did: `hashes` compared with the bound; `loads` and `bytes` that were read, in `seconds`."""

    hashes: int
    loads: int
    bytes: int
    seconds: float
    finds: tuple[Find, ...]


class Buffer:
    """Room of a thread for the loads of one round, and the nonces that it tries."""

    def __init__(self, capacity: int = NONCES) -> None:
        """Memory for `capacity` loads."""
        self.capacity = capacity
        self.memory: Bytes = aligned(capacity * LOAD_BYTES).reshape(capacity, LOAD_BYTES)
        self._fixed = os.urandom(FIXED_BYTES)
        self._count = 0

    def nonces(self) -> list[bytes]:
        """As many new ones as there is room for."""
        first, self._count = self._count, self._count + self.capacity
        return [self._fixed + number.to_bytes(8, "big") for number in range(first, self._count)]


class Round:
    """Nonces of one job. `begin` works them out and lets the disk start, `finish` reads and scans."""

    def __init__(self, shelf: Shelf, buffer: Buffer) -> None:
        """Two rounds of a thread may share a buffer when they finish one after the other."""
        self._shelf = shelf
        self._buffer = buffer
        self._batch = Batch(buffer.capacity)
        self._slots: list[int | None] = []

    def begin(self, job: Job) -> None:
        """Work out the next nonces."""
        self._job = job
        positions = self._batch.recall(job.task, self._buffer.nonces())
        self._slots = [self._shelf.slot(position) for position in positions]
        for slot in self._slots:
            if slot is not None:
                self._shelf.expect(slot)

    def finish(self) -> Tally:
        """Read what was recalled, and look for answers."""
        started = time.perf_counter()
        loads = [self._read(number, slot) for number, slot in enumerate(self._slots)]
        seconds = time.perf_counter() - started
        count = sum(load is not None for load in loads)
        if self._job.parameters.two_hops:
            hashes, read, finds = self._second_hop(self._scanned(loads, GATE - 1))
            return Tally(hashes, count, count * LOAD_BYTES + read, seconds, finds)
        finds = tuple(self._find(hit, hit.quality) for hit in self._scanned(loads, self._job.bound))
        return Tally(count * LOAD_UNITS, count, count * LOAD_BYTES, seconds, finds)

    def _read(self, number: int, slot: int | None) -> Bytes | None:
        target: Bytes = self._buffer.memory[number]
        return target if slot is not None and self._shelf.read(slot, target.data) else None

    def _scanned(self, loads: Sequence[Bytes | None], bound: int) -> list[Hit]:
        """Hits that can be proven: in place of the flow's first sector its tree has a zero word."""
        return [hit for hit in self._batch.scan(loads, bound) if hit.unit or self._position(hit)]

    def _position(self, hit: Hit) -> int:
        """First sector of the load that a hit is in."""
        position = self._batch.positions[self._batch.nonces.index(hit.nonce)]
        assert position is not None, "only loads that were read are scanned"
        return position

    def _second_hop(self, hits: Sequence[Hit]) -> tuple[int, int, tuple[Find, ...]]:
        """Second qualities made, bytes read for them, what was found."""
        led = list(self._led(hits))
        qualities = second_qualities([hit.quality for hit, _, _ in led], [unit for _, _, unit in led])
        finds = tuple(
            self._find(hit, quality, position)
            for (hit, position, _), quality in zip(led, qualities, strict=True)
            if int.from_bytes(quality, "big") <= self._job.bound
        )
        return len(led), len(led) * UNIT_BYTES, finds

    def _led(self, hits: Sequence[Hit]) -> Iterator[tuple[Hit, int, bytes]]:
        """Hits with the units that they lead to, as far as these are here."""
        for hit in hits:
            position = self._job.task.range.second_position(hit.quality)
            slot = self._shelf.slot(position)
            if position and slot is not None:
                unit = self._shelf.read_unit(slot, position % LOAD_SECTORS // UNIT_SECTORS)
                if unit is not None:
                    yield hit, position, unit

    def _find(self, hit: Hit, quality: bytes, second: int | None = None) -> Find:
        return Find(self._job, hit.nonce, self._position(hit), hit.unit, quality, second)
