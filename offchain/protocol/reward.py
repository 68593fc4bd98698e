"""Rewards of miners: how the fees of a pricing chunk become free over time, and what an answer that recalls it earns.

Integers only, the same on chain: wei, Unix seconds. Every wei that fills a chunk is locked, claimable or distributed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from offchain.errors import Invalid

SHARE_BITS = 128
TIME_BITS = 34
MAX_HELD = (1 << 94) - 1


@dataclass(frozen=True, slots=True)
class Release:
    """How fees become free: evenly over `term` seconds, or so that each second `kept` / 2^128 of them stay locked.

    The other one is 0.
    """

    term: int = 0
    kept: int = 0

    def __post_init__(self) -> None:
        """Invalid unless it is one of both."""
        if (self.term == 0) == (self.kept == 0) or self.kept >= 1 << SHARE_BITS:
            raise Invalid("reward: one of term and decay")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The account of one pricing chunk, last changed at `last`, or never if that is 0.

    Of the wei that were ever `filled` in, `locked` become free until `end`, `claimable` are free, and `distributed`
    were paid to miners. With a release that decays nothing ends.
    """

    locked: int = 0
    claimable: int = 0
    distributed: int = 0
    filled: int = 0
    last: int = 0
    end: int = 0

    def is_live(self, now: int, release: Release) -> bool:
        """Whether something is still to become free."""
        return self.locked > 0 if release.kept else now < self.end


def accrue(chunk: Chunk, now: int, release: Release) -> Chunk:
    """The chunk at `now`, not before its last change."""
    left = 0
    if release.kept:
        left = chunk.locked * kept_after(release.kept, now - chunk.last) >> SHARE_BITS
    elif now < chunk.end:
        left = chunk.locked - chunk.locked * (now - chunk.last) // (chunk.end - chunk.last)
    return replace(chunk, locked=left, claimable=chunk.claimable + chunk.locked - left, last=now)


def fill(chunk: Chunk, amount: int, now: int, release: Release) -> Chunk:
    """The chunk with `amount` more; Invalid when it would hold more than contracts have room for.

    The term that remains is the mean of what is left of the old one and of a new one, weighted by their wei.
    """
    chunk = accrue(chunk, now, release)
    total, end = chunk.locked + amount, chunk.end
    if total + chunk.claimable > MAX_HELD:
        raise Invalid("reward: chunk is full")
    if release.term:
        weighted = chunk.locked * max(chunk.end - now, 0) + amount * release.term
        end = now + (weighted // total if total else release.term)
    return replace(chunk, locked=total, filled=chunk.filled + amount, end=end)


def claim(chunk: Chunk, now: int, release: Release, base_reward: int, donated: int) -> tuple[Chunk, int, int]:
    """The chunk after an answer that recalls it, what the answer earns of its fees, and what of the `donated` wei.

    Half of what is claimable, so that the next answers find something too; and while the chunk is live the base reward.
    """
    if chunk.last == 0:
        return chunk, 0, 0
    chunk = accrue(chunk, now, release)
    paid = chunk.claimable // 2
    base = min(base_reward, donated) if chunk.is_live(now, release) else 0
    return replace(chunk, claimable=chunk.claimable - paid, distributed=chunk.distributed + paid), paid, base


def split(before: int, charged: int, amount: int, pricing_sectors: int) -> list[tuple[int, int]]:
    """Chunks that share `amount` wei for the sectors [before, before + charged), with their shares in wei.

    In proportion to their sectors, rounded down; the last one takes the rest. Invalid without sectors.
    """
    if charged <= 0:
        raise Invalid("reward: no sectors")
    first, last = before // pricing_sectors, (before + charged - 1) // pricing_sectors
    shares = []
    for number in range(first, last):
        sectors = (number + 1) * pricing_sectors - max(before, number * pricing_sectors)
        shares.append((number, amount * sectors // charged))
    return [*shares, (last, amount - sum(share for _, share in shares))]


def kept_after(kept: int, seconds: int) -> int:
    """`kept` / 2^128 to the power of `seconds`, below 2^34, times 2^128, by repeated squaring.

    Never too large, and too small by less than (seconds + 34) units: each of the products, two for each bit of
    `seconds`, loses less than one, and squaring doubles what was lost before. Of the wei that a chunk may hold that is
    at most one, and rounding takes another.
    """
    share, power = 1 << SHARE_BITS, kept
    for bit in range(TIME_BITS):
        if seconds >> bit & 1:
            share = share * power >> SHARE_BITS
        power = power * power >> SHARE_BITS
    return share


def kept_each_second(half_life: int) -> int:
    """The release after whose `half_life`, in seconds, half of the fees are still locked: 2^(128 - 1 / half_life)."""
    with localcontext(prec=2 * SHARE_BITS):
        return int(Decimal(2) ** (SHARE_BITS - 1 / Decimal(half_life)))
