"""A load as clients know it, and the hashes that prove it below the flow's root."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from offchain.errors import InvalidProof
from offchain.fast import merkle as fast
from offchain.fast.hash_row import Data, HashRow
from offchain.protocol.flow import GENESIS_LEAF
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import ZERO_ROOTS
from offchain.protocol.recall import LOAD_BYTES, LOAD_SECTORS
from offchain.protocol.sectors import SECTOR_BYTES, SEGMENT_HEIGHT, segment_leaf_count
from offchain.storage.miner.plan import Part, Plan


@dataclass(frozen=True, slots=True)
class Segment:
    """A verified segment of a file: its data without padding, the hashes that prove it bottom up."""

    data: bytes | bytearray
    siblings: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class RawLoad:
    """The 256 KiB of a load, and the siblings from its root up to the plan's anchor."""

    plan: Plan
    data: bytearray
    siblings: tuple[bytes, ...]


def assemble(plan: Plan, segment_of: Callable[[Part], Segment]) -> RawLoad:
    """The load of a plan; InvalidProof when the segments do not lead to its anchor."""
    data = bytearray(LOAD_BYTES)
    for part in plan.parts:
        if part.has_data:
            found, start = segment_of(part).data, part.offset * SECTOR_BYTES
            data[start : start + len(found)] = found
    siblings: tuple[bytes, ...] = ()
    if plan.steps:
        [part] = plan.parts  # a subtree above the load is one of a file that fills it
        siblings = tuple(_siblings(part, segment_of(part), plan.steps))
    load = RawLoad(plan, data, siblings)
    _check(load)
    return load


def load_levels(data: Data, load: int) -> list[HashRow]:
    """All levels of the tree over load `load` of the flow, its sectors' hashes first."""
    hashes = fast.sector_hashes(data, LOAD_SECTORS)
    if load == 0:
        hashes = HashRow(GENESIS_LEAF + bytes(hashes.array[len(GENESIS_LEAF) :]))
    return fast.levels(hashes)


def _check(load: RawLoad) -> None:
    number = load.plan.load
    node = fast.segment_root(load.data, LOAD_SECTORS) if number else load_levels(load.data, number)[-1][0]
    for sibling in load.siblings:
        node = keccak256(sibling, node) if number & 1 else keccak256(node, sibling)
        number //= 2
    if node != load.plan.anchor.root:
        raise InvalidProof(f"load {load.plan.load} is not what the flow says")


def _siblings(part: Part, source: Segment, steps: int) -> Iterator[bytes]:
    """Siblings of a segment within the subtree that it and the segment `source` are in.

    They are the source's own, but for a segment of padding: below where their paths meet, all beside it is padding too.
    """
    own, others = part.segment, part.source
    if own == others:
        yield from source.siblings[:steps]
        return
    node = fast.segment_root(source.data, segment_leaf_count(part.entry.size, others))
    for level, sibling in enumerate(source.siblings[:steps]):
        if own == others:
            yield sibling
        elif own ^ 1 == others:
            yield node
        else:
            yield ZERO_ROOTS[SEGMENT_HEIGHT + level]
        node = keccak256(sibling, node) if others & 1 else keccak256(node, sibling)
        own, others = own // 2, others // 2
