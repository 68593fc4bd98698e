"""Twins of `offchain.protocol.recall`: pads and loads for a batch of nonces, and the search through these loads.

A miner that reads ahead uses two batches in turn: while the loads of one are read, the other is worked out or scanned.

    batch = Batch(64)
    positions = batch.recall(task, nonces)
    loads = [None if position is None else read(position) for position in positions]
    for hit in batch.scan(loads, bound):
        …
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from offchain.errors import Invalid
from offchain.fast.hash_row import Data, HashRow, address, aligned, as_bytes
from offchain.fast.keccak import HASH_BYTES
from offchain.fast.keccak_lanes import PADDING_END, PADDING_START
from offchain.fast.lanes import LANES, WORD_BITS, WORD_BYTES
from offchain.fast.pad_kernels import SCRATCH_BYTES as PAD_SCRATCH_BYTES
from offchain.fast.pad_kernels import make_pads
from offchain.fast.quality_kernels import (
    JOB_BYTES,
    JOB_LOAD,
    JOB_PAD,
    JOB_QUALITIES,
    JOB_SEED,
    RATE_BYTES,
    ROW_BLOCKS,
    ROW_BYTES,
    SCRATCH_BYTES,
    hash_loads,
    hash_rows,
)
from offchain.protocol.recall import LOAD_BYTES, LOAD_UNITS, PAD_BYTES, SEED_BYTES, Hit, Recall, Task
from offchain.protocol.sealing import UNIT_BYTES

EASIEST = (1 << 8 * HASH_BYTES) - 1
MESSAGE_BYTES = HASH_BYTES + UNIT_BYTES


class Batch:
    """Memory for `capacity` nonces, 18 KiB each, and what was worked out for the present ones.

    One thread at a time may use it. The work runs on the calling thread, without the interpreter lock.
    """

    def __init__(self, capacity: int) -> None:
        """Invalid unless `capacity` is positive. Eight are worked out together: a multiple of eight wastes nothing."""
        if capacity < 1:
            raise Invalid(f"a batch of {capacity} nonces")
        self.capacity = capacity
        self.nonces: Sequence[bytes] = ()
        self.positions: Sequence[int | None] = ()
        self._seeds = aligned(capacity * SEED_BYTES).reshape(capacity, SEED_BYTES)
        self._pads = aligned(capacity * PAD_BYTES).reshape(capacity, PAD_BYTES)
        self._recall_seeds = aligned(capacity * HASH_BYTES).reshape(capacity, HASH_BYTES)
        self._qualities = aligned(capacity * LOAD_UNITS * HASH_BYTES).reshape(capacity, LOAD_UNITS, HASH_BYTES)
        self._scratch = aligned(max(SCRATCH_BYTES, PAD_SCRATCH_BYTES))

    def recall(self, task: Task, nonces: Sequence[bytes]) -> Sequence[int | None]:
        """Work out `nonces`, 32 bytes each; for each the first sector of its load, None when that is beyond the range.

        Invalid when they are more than the batch has room for.
        """
        if len(nonces) > self.capacity or any(len(nonce) != HASH_BYTES for nonce in nonces):
            raise Invalid(f"{len(nonces)} nonces for a batch of {self.capacity}, or one without {HASH_BYTES} bytes")
        start, end = task.miner_id, task.subtask_digest + task.range.digest
        heads = as_bytes(b"".join(start + nonce + end for nonce in nonces))
        make_pads(
            address(heads),
            len(nonces),
            address(self._scratch),
            address(self._seeds),
            address(self._pads),
            address(self._recall_seeds),
        )
        seeds = self._recall_seeds.tobytes()
        self.nonces = tuple(nonces)
        self.positions = tuple(
            task.range.load_position(seeds[at : at + HASH_BYTES])
            for at in range(0, len(nonces) * HASH_BYTES, HASH_BYTES)
        )
        return self.positions

    def scan(self, loads: Sequence[Data | None], bound: int) -> list[Hit]:
        """Units whose quality is at most `bound` in the sealed loads of the present nonces, None where there is none.

        A sixth faster when loads begin with a cache line, as memory from `hash_row.aligned` does.
        Invalid when there is not one for each nonce, or one has not 262,144 bytes.
        """
        memory = [as_bytes(load) if load is not None else None for load in loads]
        if len(memory) != len(self.nonces) or any(load is not None and load.size != LOAD_BYTES for load in memory):
            raise Invalid(f"{len(self.nonces)} nonces need as many loads of {LOAD_BYTES} bytes")
        here = [number for number, load in enumerate(memory) if load is not None]
        jobs = np.empty((len(here), JOB_BYTES // WORD_BYTES), np.int64)
        jobs[:, JOB_LOAD] = [address(load) for load in memory if load is not None]
        for field, array in ((JOB_PAD, self._pads), (JOB_SEED, self._seeds), (JOB_QUALITIES, self._qualities)):
            jobs[:, field] = address(array) + np.array(here, np.int64) * array.strides[0]
        hash_loads(address(jobs), len(here), address(self._scratch))
        return self._hits(here, bound)

    def recalled(self, number: int) -> Recall:
        """All that was worked out for nonce `number` of the batch."""
        seed, pad = self._seeds[number].tobytes(), self._pads[number].tobytes()
        return Recall(self.nonces[number], seed, pad, self.positions[number])

    def _hits(self, numbers: Sequence[int], bound: int) -> list[Hit]:
        """By the first eight bytes of each quality, then by all of them."""
        first_words = self._qualities[: len(self.nonces), :, :8].view(">u8")[numbers, :, 0]
        least = np.uint64(min(max(bound, 0), EASIEST) >> EASIEST.bit_length() - WORD_BITS)
        hits = []
        for row, unit in zip(*np.nonzero(first_words <= least), strict=True):
            number = numbers[row]
            quality = self._qualities[number, unit].tobytes()
            if int.from_bytes(quality, "big") <= bound:
                hits.append(Hit(self.nonces[number], int(unit), quality))
        return hits


def second_qualities(first_qualities: Sequence[bytes], units: Sequence[Data]) -> list[bytes]:
    """The qualities that decide with two hops, of first qualities and the sealed units that they led to.

    Invalid when there is not one unit for each, or one has not 4,096 bytes.
    """
    memory = [as_bytes(unit) for unit in units]
    if len(memory) != len(first_qualities) or any(unit.size != UNIT_BYTES for unit in memory):
        raise Invalid(f"{len(first_qualities)} first qualities need as many units of {UNIT_BYTES} bytes")
    if any(len(quality) != HASH_BYTES for quality in first_qualities):
        raise Invalid(f"a quality has {HASH_BYTES} bytes")
    found = np.empty((len(memory), HASH_BYTES), np.uint8)
    for first in range(0, len(memory), LANES):
        count = min(len(memory) - first, LANES)
        for at in range(count):
            _messages.rows[at, :HASH_BYTES] = as_bytes(first_qualities[first + at])
            _messages.rows[at, HASH_BYTES:MESSAGE_BYTES] = memory[first + at]
        hash_rows(address(_messages.rows), count, address(_messages.scratch), address(found[first:]))
    return list(HashRow(found))


class _Messages(threading.local):
    """Room of a thread for eight messages of `second_qualities`, with the padding that keccak wants behind them."""

    def __init__(self) -> None:
        self.scratch = aligned(SCRATCH_BYTES)
        self.rows = np.zeros((LANES, ROW_BYTES), np.uint8)
        self.rows[:, MESSAGE_BYTES] = PADDING_START
        self.rows[:, ROW_BLOCKS * RATE_BYTES - 1] = PADDING_END >> WORD_BITS - 8


_messages = _Messages()
