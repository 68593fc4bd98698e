"""Which node holds which segments, and which nodes together hold a file.

A shard (number, count) owns the segments of the flow whose index is `number` modulo `count`; `count` is a power of two.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from offchain.errors import Invalid
from offchain.protocol.sectors import SEGMENT_SECTORS, segment_count

MAX_SHARDS = 256
MAX_SEED_DIGITS = 20

Node = TypeVar("Node", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count`."""

    number: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        """Invalid unless `count` is a power of two up to 256 and `number` below it."""
        if not 1 <= self.count <= MAX_SHARDS or self.count & (self.count - 1):
            raise Invalid(f"the number of shards is a power of two up to {MAX_SHARDS}, not {self.count}")
        if not 0 <= self.number < self.count:
            raise Invalid(f"shard {self.number} is not one of {self.count}")

    def owns(self, segment: int) -> bool:
        """Whether segment `segment` of the flow belongs to this shard."""
        return segment % self.count == self.number

    def covers(self, other: Shard) -> bool:
        """Whether all that `other` owns belongs to this shard too."""
        return other.count % self.count == 0 and other.number % self.count == self.number


def first_segment(start: int) -> int:
    """Segment of the flow in which a file that starts at sector `start` begins."""
    return start // SEGMENT_SECTORS


def owned_segments(shard: Shard, start: int, size: int) -> range:
    """Segments, counted within the file, that `shard` owns of a file of `size` bytes starting at sector `start`."""
    return range((shard.number - first_segment(start)) % shard.count, segment_count(size), shard.count)


def select(nodes: Sequence[tuple[Node, Shard]], replicas: int, method: str = "min") -> list[Node] | None:
    """Nodes that together hold everything `replicas` times, None when there are not enough.

    `method`: "min" takes the fewest nodes, "max" the most, "random" any; a decimal number is the seed of "random".
    """
    if replicas < 1:
        raise Invalid("at least one replica is needed")
    remaining = _ordered(nodes, method)
    chosen: list[Node] = []
    for _ in range(replicas):
        cover = _cover(remaining, Shard(), finest=method == "max")
        if cover is None:
            return None
        chosen += cover
        remaining = [pair for pair in remaining if pair[0] not in cover]
    return chosen


def _ordered(nodes: Sequence[tuple[Node, Shard]], method: str) -> Sequence[tuple[Node, Shard]]:
    if method in ("min", "max"):
        return nodes
    is_seed = method.isdecimal() and len(method) <= MAX_SEED_DIGITS
    if method != "random" and not is_seed:
        raise Invalid(f"nodes are selected by min, max, random or a seed, not by {method[:40]!r}")
    source = random.Random(int(method)) if is_seed else random.Random()
    return source.sample(nodes, len(nodes))


def _cover(nodes: Sequence[tuple[Node, Shard]], part: Shard, finest: bool) -> list[Node] | None:
    """The first nodes in order that together hold `part` once; one of its own beats two halves unless `finest`."""
    within = [(node, shard) for node, shard in nodes if part.covers(shard)]
    own = [node for node, shard in within if shard == part][:1]
    finer = [(node, shard) for node, shard in within if shard != part]
    if finer and (finest or not own):
        left = _cover(finer, Shard(part.number, part.count * 2), finest)
        right = _cover(finer, Shard(part.number + part.count, part.count * 2), finest) if left else None
        if left and right:
            return list(dict.fromkeys(left + right))
    return own or None
