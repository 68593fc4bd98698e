"""Rewards of a pool: a stream of one token that flows to whoever holds units while it does.

Integers only, the same on chain: tokens a second have 32 bits of fraction, what a unit has earned has 96.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from offchain.errors import Invalid

RATE_BITS = 32
UNIT_BITS = 96
BPS = 10_000


@dataclass(frozen=True, slots=True)
class Stream:
    """`rate` until `end`, accrued until `last`; `earned` by one unit since the beginning. Times are Unix seconds."""

    rate: int = 0
    end: int = 0
    last: int = 0
    earned: int = 0


def accrue(stream: Stream, units: int, now: int) -> Stream:
    """The stream at `now`, `units` having been held since its last change; without any, its end moves instead."""
    if stream.last >= stream.end:
        return stream
    if not units:
        return replace(stream, end=stream.end + now - stream.last, last=now)
    flowed = stream.rate * (min(now, stream.end) - stream.last)
    return replace(stream, last=now, earned=stream.earned + (flowed << UNIT_BITS - RATE_BITS) // units)


def pour(stream: Stream, amount: int, now: int, epoch: int) -> Stream:
    """The accrued stream with `amount` more: it ends at the mean of its end and `epoch` from now, by amounts."""
    if not amount:
        return stream
    seconds = max(stream.end - now, 0)
    left, added = stream.rate * seconds, amount << RATE_BITS
    if left + added >= 1 << 128:
        raise Invalid("rewards: stream too large")
    seconds = max((left * seconds + added * epoch) // (left + added), 1)
    return replace(stream, rate=(left + added) // seconds, end=now + seconds, last=now)


def due(stream: Stream, units: int, settled: int) -> int:
    """Tokens that `units` earned since `settled`, the `earned` of when they were last settled."""
    return units * (stream.earned - settled) >> UNIT_BITS


def commission(amount: int, bps: int) -> int:
    """The operator's share of `amount`."""
    return amount * bps // BPS
