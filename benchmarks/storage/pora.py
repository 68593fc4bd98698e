"""Mining: sealing, and the search through loads in memory and on disk, all on one thread."""

import functools
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.registry import Measurement, Target, benchmark
from benchmarks.timing import median_seconds
from offchain.fast import sealing
from offchain.fast.compiled import warm_up
from offchain.fast.hash_row import Bytes, aligned
from offchain.fast.recall import Batch, second_qualities
from offchain.protocol import recall as protocol
from offchain.protocol import sealing as protocol_sealing
from offchain.protocol.recall import GATE, LOAD_BYTES, LOAD_SECTORS, LOAD_UNITS, RecallRange, Task
from offchain.protocol.sealing import UNIT_BYTES
from offchain.protocol.sectors import SECTOR_BYTES

MIB = 1 << 20
SEALED_BYTES = 16 * MIB
SEALED_UNITS = SEALED_BYTES // UNIT_BYTES
RIVAL_UNITS = 64
LOADS = 1024
NONCES = 512
BATCH = 32
RIVAL_NONCES = 8
RUNS = 9
BUILD = Path(__file__).resolve().parents[2] / ".build"
MINER = bytes(range(32))
TASK = Task(MINER, MINER, RecallRange(0, LOADS * LOAD_SECTORS))
BOUND = (1 << 256) // 10**6

ReadLoad = Callable[[int, Bytes], Bytes]


@benchmark("pora.seal", "B/s", Target(1e9))
def seal() -> Measurement:
    """Sealing of 16 MiB in memory, on one thread."""
    return _sealing(sealing.seal, protocol_sealing.seal)


@benchmark("pora.unseal", "B/s")
def unseal() -> Measurement:
    """Unsealing of 16 MiB in memory, on one thread."""
    return _sealing(sealing.unseal, protocol_sealing.unseal)


@benchmark("pora.hashes", "1/s", Target(1e6))
def hashes() -> Measurement:
    """Pads and qualities, of random loads of 256 MiB in memory, on one thread."""
    flow = _flow()
    seconds = median_seconds(lambda: _mine(lambda position, _: _load_in(flow, position)), RUNS)
    note = f"{NONCES} nonces, pads included, {LOADS * LOAD_BYTES // MIB} MiB in memory, 1 thread"
    return Measurement(NONCES * LOAD_UNITS / seconds, _rival_hashes(), (note,))


@benchmark("pora.hashes_two_hops", "1/s")
def hashes_two_hops() -> Measurement:
    """The same with the second units of those that pass the gate."""
    flow = _flow()
    seconds = median_seconds(lambda: _mine_two_hops(flow), RUNS)
    note = "first qualities; one of 64 reads a second unit, in memory too"
    return Measurement(NONCES * LOAD_UNITS / seconds, _rival_hashes(), (note,))


@benchmark("pora.hashes_disk", "1/s")
def hashes_disk() -> Measurement:
    """The same with loads that are read from a file, which the system has to fetch from the disk."""
    with tempfile.NamedTemporaryFile(dir=BUILD) as file:
        file.write(_flow().data)
        file.flush()
        reader = _Reader(file.fileno())
        cold = median_seconds(lambda: reader.run(forgetting=True), RUNS)
        share = reader.seconds / reader.all_seconds
        reader = _Reader(file.fileno())
        warm = median_seconds(lambda: reader.run(forgetting=False), RUNS)
        warm_share = reader.seconds / reader.all_seconds
    notes = (
        f"{share:.0%} of the time is reading: {NONCES * LOAD_BYTES / cold / 1e9:.2f} GB/s, one load after the other",
        f"from the page cache: {NONCES * LOAD_UNITS / warm / 1e6:.2f} M/s, {warm_share:.0%} of the time is reading",
    )
    return Measurement(NONCES * LOAD_UNITS / cold, _rival_hashes(), notes)


class _Reader:
    """Mines from an open file, and counts the seconds that reading takes of all."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.seconds = self.all_seconds = 0.0

    def run(self, forgetting: bool) -> None:
        """Mine once; `forgetting` makes the system drop the file from its page cache first."""
        if forgetting:
            os.fsync(self._descriptor)
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        _mine(self._read)
        self.all_seconds += time.perf_counter() - start

    def _read(self, position: int, room: Bytes) -> Bytes:
        start = time.perf_counter()
        if os.preadv(self._descriptor, [room.data], position * SECTOR_BYTES) != room.size:
            raise RuntimeError("the file was cut while it was read")
        self.seconds += time.perf_counter() - start
        return room


def _mine(read: ReadLoad) -> None:
    """Work out and scan `NONCES` nonces; `read` gets the position of a load and room for it."""
    batch, rooms = _batch()
    for first in range(0, NONCES, BATCH):
        positions = batch.recall(TASK, _nonces(first, BATCH))
        batch.scan([read(at or 0, room) for at, room in zip(positions, rooms, strict=True)], BOUND)


def _mine_two_hops(flow: Bytes) -> None:
    batch, _ = _batch()
    for first in range(0, NONCES, BATCH):
        positions = batch.recall(TASK, _nonces(first, BATCH))
        found = [hit.quality for hit in batch.scan([_load_in(flow, at or 0) for at in positions], GATE - 1)]
        starts = [(TASK.range.second_position(quality) or 0) * SECTOR_BYTES for quality in found]
        second_qualities(found, [flow[start : start + UNIT_BYTES] for start in starts])


@functools.cache
def _batch() -> tuple[Batch, Sequence[Bytes]]:
    return Batch(BATCH), [aligned(LOAD_BYTES) for _ in range(BATCH)]


def _nonces(first: int, count: int) -> list[bytes]:
    return [number.to_bytes(32, "big") for number in range(first, first + count)]


def _load_in(flow: Bytes, position: int) -> Bytes:
    return flow[position * SECTOR_BYTES : position * SECTOR_BYTES + LOAD_BYTES]


@functools.cache
def _flow() -> Bytes:
    """Loads in memory; what they hold makes no difference to the speed."""
    warm_up()
    flow = aligned(LOADS * LOAD_BYTES)
    flow[:] = np.random.default_rng(0).integers(0, 256, flow.size, np.uint8)
    return flow


@functools.cache
def _rival_hashes() -> Mapping[str, float]:
    """The protocol's pads and qualities; RuntimeError when they are others than ours."""
    flow, nonces, batch = _flow(), _nonces(0, RIVAL_NONCES), Batch(RIVAL_NONCES)

    def mine() -> list[protocol.Hit]:
        found = []
        for nonce in nonces:
            recalled = protocol.recall(TASK, nonce)
            found += protocol.scan(recalled, _load_in(flow, recalled.position or 0).tobytes(), GATE)
        return found

    if batch.scan([_load_in(flow, at or 0) for at in batch.recall(TASK, nonces)], GATE) != mine():
        raise RuntimeError("the compiled search finds other qualities than the protocol")
    return {"pure-python": RIVAL_NONCES * LOAD_UNITS / median_seconds(mine, 3)}


def _sealing(fast: Callable[..., None], plain: Callable[..., bytes]) -> Measurement:
    """RuntimeError when both do not make the same."""
    warm_up()
    contexts, source, target = [MINER] * SEALED_UNITS, aligned(SEALED_BYTES), aligned(SEALED_BYTES)
    source[:] = np.random.default_rng(0).integers(0, 256, SEALED_BYTES, np.uint8)
    seconds = median_seconds(lambda: fast(source, target, MINER, contexts, 0), RUNS)
    units = [source[at : at + UNIT_BYTES].tobytes() for at in range(0, RIVAL_UNITS * UNIT_BYTES, UNIT_BYTES)]

    def rival() -> bytes:
        return b"".join(plain(unit, MINER, MINER, 16 * number) for number, unit in enumerate(units))

    if target[: RIVAL_UNITS * UNIT_BYTES].tobytes() != rival():
        raise RuntimeError("the compiled twin seals differently than the protocol")
    rivals = {"pure-python": RIVAL_UNITS * UNIT_BYTES / median_seconds(rival, 3)}
    return Measurement(SEALED_BYTES / seconds, rivals, (f"{SEALED_BYTES // MIB} MiB in memory, 1 thread",))
