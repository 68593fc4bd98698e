"""What a load is made of: the files in it, the contexts that seal it, and the subtree of the flow that proves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offchain.protocol.epochs import SealedRange
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import ZERO_ROOTS
from offchain.protocol.recall import LOAD_SECTORS, LOAD_UNITS
from offchain.protocol.sealing import UNIT_SECTORS, sealing_context
from offchain.protocol.sectors import SEGMENT_HEIGHT, segment_count
from offchain.protocol.submission import Node
from offchain.storage.miner.sealed_ranges import SealedRanges
from offchain.storage.node.catalog import Catalog, Entry


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a load: its segment number `segment`, from sector `offset` of the load on."""

    entry: Entry
    segment: int
    offset: int

    @property
    def has_data(self) -> bool:
        """Whether nodes have the segment: one that is all padding travels nowhere."""
        return self.segment < segment_count(self.entry.size)

    @property
    def source(self) -> int:
        """The segment whose proof leads to this one's: itself, or the file's last that has data."""
        return min(self.segment, segment_count(self.entry.size) - 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to make load `load` of the flow.

    `contexts` are the digests that seal its units. `anchor` is the smallest subtree around it whose root the chain
    tells: that of the load, or a node of the submission that it is part of.
    """

    load: int
    parts: tuple[Part, ...]
    contexts: tuple[bytes, ...]
    anchor: Node

    @property
    def position(self) -> int:
        """Its first sector."""
        return self.load * LOAD_SECTORS

    @property
    def steps(self) -> int:
        """Levels between the load's root and the anchor."""
        return self.anchor.height - SEGMENT_HEIGHT

    @property
    def digest(self) -> bytes:
        """Equal for plans that lead to the same sealed bytes and siblings."""
        return keccak256(self.load.to_bytes(8, "big"), bytes([self.anchor.height]), self.anchor.root, *self.contexts)


class Planner:
    """Plans from the flow as it was followed so far."""

    def __init__(self, catalog: Catalog, ranges: SealedRanges) -> None:
        """Both are read only."""
        self._catalog = catalog
        self._ranges = ranges

    def sealable(self) -> int:
        """Sectors of the flow that are known and have a context."""
        last = self._catalog.last()
        return min(self._ranges.covered(), last.length) if last else 0

    def plan(self, load: int) -> Plan | None:
        """The plan of a load; None while the flow does not cover it or no context seals all of it."""
        first, end = load * LOAD_SECTORS, (load + 1) * LOAD_SECTORS
        if end > self.sealable():
            return None
        parts = tuple(_parts(self._catalog.within(first, end), load))
        return Plan(load, parts, _contexts(self._ranges.over(first, end), first), self._anchor(parts, load))

    def _anchor(self, parts: Sequence[Part], load: int) -> Node:
        for part in parts:
            sector = part.entry.start
            for node in part.entry.submission.nodes:
                if node.height > SEGMENT_HEIGHT and 0 <= load * LOAD_SECTORS - sector < node.sectors:
                    return node
                sector += node.sectors
        # A load of which nothing is known lies within a larger gap.
        root = self._catalog.subtree(SEGMENT_HEIGHT, load)
        return Node(root or ZERO_ROOTS[SEGMENT_HEIGHT], SEGMENT_HEIGHT)


def _parts(entries: Sequence[Entry], load: int) -> Iterator[Part]:
    """A file of several segments starts with a load, so each segment of it is one; smaller ones lie within a load."""
    for entry in entries:
        first, offset = divmod(entry.start, LOAD_SECTORS)
        yield Part(entry, load - first, offset)


def _contexts(ranges: Sequence[SealedRange], first: int) -> tuple[bytes, ...]:
    found = (sealing_context(ranges, first + number * UNIT_SECTORS) for number in range(LOAD_UNITS))
    return tuple(digest for digest in found if digest is not None)
