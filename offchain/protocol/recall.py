"""Recall: which part of the flow a nonce asks for, and the qualities that a miner finds there.

A nonce gives a *pad* of 16 KiB and with it a *load*, 64 sealed units of 4 KiB that lie together in the flow. Each unit
is mixed with a quarter of the pad and hashed; the hash, as a number, is the quality of the answer: less is better.

With *two hops* only one unit in 64, by its quality, leads on to a second unit anywhere in the range. Nobody knows which
before the first was hashed. The quality that counts is then keccak(first quality ‖ second sealed unit).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from offchain.errors import Invalid
from offchain.protocol.keccak import keccak256
from offchain.protocol.sealing import UNIT_BYTES, UNIT_SECTORS, WORD_BYTES, exclusive_or
from offchain.protocol.sectors import SEGMENT_SECTORS
from offchain.protocol.shards import Shard

LOAD_SECTORS = SEGMENT_SECTORS
LOAD_UNITS = LOAD_SECTORS // UNIT_SECTORS
LOAD_BYTES = LOAD_UNITS * UNIT_BYTES
PAD_UNITS = 4
PAD_BYTES = PAD_UNITS * UNIT_BYTES
PAD_STEPS = PAD_BYTES // (2 * WORD_BYTES)
SEED_BYTES = 64
MAX_RANGE = 34_359_738_368
"""Sectors of a mining range per shard: 8 TiB."""

PRICING_SECTORS = 33_554_432
"""Sectors of a pricing chunk, 8 GiB, where mining ranges may start."""

ALL = (1 << 64) - 1
UNSHARDED = Shard()
GATE = 1 << 250
"""With two hops, a first quality below this leads to a second unit: one in 64, that is one of a load on average."""


@dataclass(frozen=True, slots=True)
class RecallRange:
    """Sectors [start, start + length) of the flow, of which a shard owns the loads numbered (any AND mask) OR id."""

    start: int
    length: int
    shard_id: int = 0
    shard_mask: int = ALL

    @classmethod
    def widest(cls, flow_length: int, shard: Shard = UNSHARDED, start: int = 0) -> RecallRange:
        """What `shard` mines of a flow of `flow_length` sectors; `start` is 0 unless that exceeds 8 TiB a shard."""
        length = min(flow_length // LOAD_SECTORS * LOAD_SECTORS, MAX_RANGE * shard.count)
        return cls(start, length, shard.number, ALL - (shard.count - 1))

    @property
    def shards(self) -> int:
        """Into how many parts the mask splits the flow: 2 to the number of its zeros."""
        return 1 << (64 - self.shard_mask.bit_count())

    @property
    def digest(self) -> bytes:
        """Hash of the four numbers, each as 32 bytes."""
        numbers = (self.start, self.length, self.shard_id, self.shard_mask)
        return keccak256(*(number.to_bytes(WORD_BYTES, "big") for number in numbers))

    def load_number(self, seed: bytes) -> int:
        """Number within the range of the load that the 32 bytes of `seed` ask for."""
        return (int.from_bytes(seed, "big") % (self.length // LOAD_SECTORS)) & self.shard_mask | self.shard_id

    def includes(self, load_number: int) -> bool:
        """Whether the load counts as part of the range; so does the one right behind its end, in public contracts."""
        return load_number * LOAD_SECTORS <= self.length

    def load_position(self, seed: bytes) -> int | None:
        """First sector of the load that `seed` asks for; None when it is beyond the range."""
        number = self.load_number(seed)
        return self.start + number * LOAD_SECTORS if self.includes(number) else None

    def second_position(self, first_quality: bytes) -> int | None:
        """First sector of the second unit; None when it is beyond the range.

        The unit within the load comes from the other end of the seed: the low bits choose the load already.
        """
        seed = keccak256(first_quality)
        load = self.load_position(seed)
        return None if load is None else load + (seed[0] >> 2) * UNIT_SECTORS


@dataclass(frozen=True, slots=True)
class Task:
    """What a miner works on in one window; Invalid unless its digests have 32 bytes."""

    miner_id: bytes
    subtask_digest: bytes
    range: RecallRange

    def __post_init__(self) -> None:
        """No pad can be made from fewer."""
        if len(self.miner_id) != WORD_BYTES or len(self.subtask_digest) != WORD_BYTES:
            raise Invalid(f"a miner id and the digest of a subtask have {WORD_BYTES} bytes")

    def pad_seed(self, nonce: bytes) -> bytes:
        """64 bytes from which the pad of `nonce` is made."""
        return hashlib.blake2b(self.miner_id + nonce + self.subtask_digest + self.range.digest).digest()


@dataclass(frozen=True, slots=True)
class Recall:
    """A nonce worked out: `position` is the first sector of its load, None when that lies beyond the range."""

    nonce: bytes
    seed: bytes
    pad: bytes
    position: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """Unit number `unit` of the load that `nonce` recalled has this quality."""

    nonce: bytes
    unit: int
    quality: bytes


def recall(task: Task, nonce: bytes) -> Recall:
    """Pad and load of `nonce`."""
    seed = task.pad_seed(nonce)
    pad, recall_seed = scratch_pad(seed)
    return Recall(nonce, seed, pad, task.range.load_position(recall_seed))


def scan(recalled: Recall, load: bytes, bound: int) -> list[Hit]:
    """Units of the sealed `load` whose quality is at most `bound`; Invalid unless it has 262,144 bytes."""
    if len(load) != LOAD_BYTES:
        raise Invalid(f"a load has {LOAD_BYTES} bytes, not {len(load)}")
    hits = []
    for unit in range(LOAD_UNITS):
        sealed = load[unit * UNIT_BYTES : (unit + 1) * UNIT_BYTES]
        found = quality(unit, recalled.seed, mix(sealed, recalled.pad, unit))
        if int.from_bytes(found, "big") <= bound:
            hits.append(Hit(recalled.nonce, unit, found))
    return hits


def scratch_pad(seed: bytes) -> tuple[bytes, bytes]:
    """The pad that grows from 64 bytes, and the seed of the load that comes after it."""
    left, right, pad = seed[:WORD_BYTES], seed[WORD_BYTES:], []
    for _ in range(PAD_STEPS):
        left = keccak256(left, right)
        right = keccak256(left, right)
        pad += [left, right]
    return b"".join(pad), keccak256(left, right)


def mix(sealed: bytes, pad: bytes, unit: int) -> bytes:
    """A sealed unit with the quarter of the pad that its number `unit` calls for."""
    start = unit % PAD_UNITS * UNIT_BYTES
    return exclusive_or(sealed, pad[start : start + UNIT_BYTES])


def quality(unit: int, seed: bytes, mixed: bytes) -> bytes:
    """The 32 bytes that decide, of the unit number `unit` of a load."""
    message = unit.to_bytes(WORD_BYTES, "big") + seed + bytes(WORD_BYTES) + mixed
    return hashlib.blake2b(message).digest()[:WORD_BYTES]


def second_quality(first_quality: bytes, sealed: bytes) -> bytes:
    """The 32 bytes that decide where two hops are asked for."""
    return keccak256(first_quality, sealed)


def passes_gate(first_quality: bytes) -> bool:
    """Whether a first quality leads to a second unit."""
    return int.from_bytes(first_quality, "big") < GATE


def bound_of(target: int, recall_range: RecallRange, flow_length: int) -> int:
    """The largest quality that wins: the share of `target` that a shard's part of the flow earns."""
    part = min(flow_length // recall_range.shards, MAX_RANGE)
    scale = (min(flow_length, MAX_RANGE) << 64) // part
    return target // scale << 64
