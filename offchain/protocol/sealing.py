"""Sealing: how a miner stores a unit of 4 KiB, so that its copy is of use to nobody else as it lies there.

A unit is 128 words of 32 bytes. The first mask is keccak(miner id ‖ context digest ‖ sector position), each further
mask the hash of the sealed word before it. So sealing is a chain of 128 steps, and unsealing is not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from offchain.errors import Invalid
from offchain.protocol.epochs import SealedRange
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import segment_root
from offchain.protocol.sectors import SECTOR_BYTES

UNIT_SECTORS = 16
UNIT_BYTES = UNIT_SECTORS * SECTOR_BYTES
UNIT_HEIGHT = UNIT_SECTORS.bit_length() - 1
WORD_BYTES = 32


def seal(unit: bytes, miner_id: bytes, context_digest: bytes, position: int) -> bytes:
    """The sealed form of `unit`, which starts at sector `position`; Invalid unless it has 4,096 bytes."""
    mask, sealed = first_mask(miner_id, context_digest, position), []
    for word in _words(unit):
        sealed.append(exclusive_or(word, mask))
        mask = keccak256(sealed[-1])
    return b"".join(sealed)


def unseal(sealed: bytes, miner_id: bytes, context_digest: bytes, position: int) -> bytes:
    """The unit that `seal` made `sealed` from; Invalid unless it has 4,096 bytes."""
    words = _words(sealed)
    masks = [first_mask(miner_id, context_digest, position), *map(keccak256, words[:-1])]
    return b"".join(map(exclusive_or, words, masks))


def unit_root(unit: bytes) -> bytes:
    """Root of the 16 sectors of a unit that is not sealed: a node of the flow's tree."""
    return segment_root(unit, UNIT_SECTORS)


def first_mask(miner_id: bytes, context_digest: bytes, position: int) -> bytes:
    """What masks the first word of the unit at sector `position`."""
    return keccak256(miner_id, context_digest, position.to_bytes(WORD_BYTES, "big"))


def sealing_context(ranges: Sequence[SealedRange], position: int) -> bytes | None:
    """Digest of the context that seals the unit at sector `position`, the one of its last sector; None if none does.

    `ranges` are in the order of the flow, as `Epochs` has them.
    """
    at = bisect_left(ranges, position + UNIT_SECTORS, key=lambda each: each.end)
    return ranges[at].digest if at < len(ranges) and seals(ranges[at], position) else None


def seals(sealed: SealedRange, position: int) -> bool:
    """Whether the last sector of the unit at `position` lies in the range."""
    return sealed.start < position + UNIT_SECTORS <= sealed.end


def exclusive_or(left: bytes, right: bytes) -> bytes:
    """Bitwise sum of two byte strings of equal length."""
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def _words(unit: bytes) -> list[bytes]:
    if len(unit) != UNIT_BYTES:
        raise Invalid(f"a unit has {UNIT_BYTES} bytes, not {len(unit)}")
    return [unit[at : at + WORD_BYTES] for at in range(0, UNIT_BYTES, WORD_BYTES)]
