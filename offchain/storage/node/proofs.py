"""The flow as one sequence of sectors: proofs of any of them, and what lies where.

"Node index" in the public RPC counts segments of the flow: node i covers the sectors from 1,024 i on.
"""

from __future__ import annotations

from collections.abc import Sequence

from offchain.errors import NotFound
from offchain.fast import merkle as fast
from offchain.protocol.flow import GENESIS_LEAF, prove_sector, subtree_root
from offchain.protocol.merkle import ZERO_ROOTS, Proof
from offchain.protocol.sectors import (
    SECTOR_BYTES,
    SEGMENT_HEIGHT,
    SEGMENT_SECTORS,
    padded_sector_count,
    sector_count,
    segment_count,
    segment_leaf_count,
)
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.shelf import Shelf
from offchain.store.segment_store import Content

EMPTY = bytes(SECTOR_BYTES)


class FlowProofs:
    """Answers from the catalogue's subtrees, and below them from stored segments."""

    def __init__(self, catalog: Catalog, shelf: Shelf) -> None:
        """Both are read only."""
        self._catalog = catalog
        self._shelf = shelf

    def context(self) -> tuple[bytes, int]:
        """Root and length of the flow."""
        last = self._catalog.last()
        return (last.flow_root, last.length) if last else (GENESIS_LEAF, 1)

    def sector(self, sector: int, flow_root: bytes | None) -> Proof:
        """Proof of a sector below `flow_root`, or below the present root; NotFound when the data is not here."""
        length = self.context()[1] if flow_root is None else self._catalog.length_at_root(flow_root)
        if length is None:
            raise NotFound("the flow never had this root")
        return prove_sector(_Subtrees(self._catalog, self._shelf).root, length, sector)

    def segment_hash(self, index: int) -> bytes | None:
        """Root over segment `index` of the flow, None beyond its end or where the data is not here."""
        length = self.context()[1]
        if index << SEGMENT_HEIGHT >= length:
            return None
        try:
            return subtree_root(_Subtrees(self._catalog, self._shelf).root, length, SEGMENT_HEIGHT, index)
        except NotFound:
            return None

    def segment_sectors(self, index: int) -> list[bytes] | None:
        """The sectors of segment `index` of the flow, None where the data is not here."""
        length = self.context()[1]
        first = index * SEGMENT_SECTORS
        if first >= length:
            return None
        try:
            return self._sectors(first, min(first + SEGMENT_SECTORS, length))
        except NotFound:
            return None

    def describe(self, index: int) -> str | None:
        """Which submissions lie in segment `index` of the flow; None beyond its end."""
        first = index * SEGMENT_SECTORS
        if first >= self.context()[1]:
            return None
        return "; ".join(map(_described, self._catalog.within(first, first + SEGMENT_SECTORS)))

    def _sectors(self, first: int, end: int) -> list[bytes]:
        """Sectors of the flow, zeros where no file has data."""
        found = [EMPTY] * (end - first)
        for entry in self._catalog.within(first, end):
            begin, stop = max(entry.start, first), min(entry.start + sector_count(entry.size), end)
            if begin < stop:
                data = self._shelf.sectors(entry.content, begin - entry.start, stop - begin)
                sectors = [data[at : at + SECTOR_BYTES] for at in range(0, len(data), SECTOR_BYTES)]
                found[begin - first : stop - first] = sectors
        return found


class _Subtrees:
    """Roots of complete subtrees of the flow, for one proof: it needs several of the same segment."""

    def __init__(self, catalog: Catalog, shelf: Shelf) -> None:
        """Both are read only."""
        self._catalog = catalog
        self._shelf = shelf
        self._rows: dict[tuple[Content, int], Sequence[Sequence[bytes]]] = {}

    def root(self, height: int, index: int) -> bytes:
        """Root of subtree (height, index); NotFound when the data is not here."""
        root = self._catalog.subtree(height, index)
        if root is not None:
            return root
        first = index << height
        entry = self._catalog.containing(first)
        if entry and first < entry.start + padded_sector_count(entry.size):
            return self._within(entry, height, first - entry.start)
        # Sector 0 is a bare zero word; a larger subtree over it was made by a submission and is catalogued.
        return ZERO_ROOTS[height] if first else GENESIS_LEAF

    def _within(self, entry: Entry, height: int, first: int) -> bytes:
        """Root of 2^height sectors of a file from its sector `first` on; submissions are aligned so that they fit."""
        segment, begin = divmod(first, SEGMENT_SECTORS)
        if segment >= segment_count(entry.size):
            return ZERO_ROOTS[height]
        if height >= SEGMENT_HEIGHT:
            level = height - SEGMENT_HEIGHT
            return self._shelf.subtree_root(entry.content, level, segment >> level)
        return self._rows_of(entry.content, segment)[height][begin >> height]

    def _rows_of(self, content: Content, segment: int) -> Sequence[Sequence[bytes]]:
        rows = self._rows.get((content, segment))
        if rows is None:
            hashes = fast.sector_hashes(self._shelf.data(content, segment), segment_leaf_count(content.size, segment))
            rows = self._rows[content, segment] = fast.levels(hashes)
        return rows


def _described(entry: Entry) -> str:
    state = "finalized" if entry.finalized else "incomplete"
    return f"seq {entry.seq}: sectors {entry.start} to {entry.length - 1}, {state}"
