"""Segments of a file as ranges: what shards own, what is missing. A file may have more of them than fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def runs(indices: Iterable[int], longest: int) -> Iterator[tuple[int, int]]:
    """Consecutive stretches of rising `indices` as (first, count), none longer than `longest`."""
    first = count = 0
    for index in indices:
        if count and (index != first + count or count == longest):
            yield first, count
            count = 0
        if not count:
            first = index
        count += 1
    if count:
        yield first, count


def clipped(indices: range, first: int, end: int) -> range:
    """Those of `indices` within [first, end)."""
    return indices[_position(indices, first) : _position(indices, end)]


def common(one: range, other: range) -> range:
    """What is in both of two ranges whose steps are powers of two."""
    finer, coarser = sorted((one, other), key=lambda each: each.step)
    within = clipped(coarser, finer.start, finer.stop)
    return within if within and within.start % finer.step == finer.start % finer.step else range(0)


def _position(indices: range, index: int) -> int:
    """How many of `indices` are below `index`."""
    return min(max(-(-(index - indices.start) // indices.step), 0), len(indices))
