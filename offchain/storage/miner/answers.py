"""Answers for the mine: sealed units with their proofs, checked as the mine will check them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from offchain.errors import Busy, Corrupted, Invalid
from offchain.fast.hash_row import HashRow
from offchain.fast.sealing import unseal
from offchain.protocol import pora
from offchain.protocol.epochs import Context
from offchain.protocol.flow import prove_sector
from offchain.protocol.merkle import ZERO_ROOTS
from offchain.protocol.pora import PoraAnswer, SealedUnit, Surroundings
from offchain.protocol.recall import LOAD_BYTES, LOAD_SECTORS
from offchain.protocol.sealing import UNIT_BYTES, UNIT_HEIGHT, UNIT_SECTORS
from offchain.protocol.sectors import SEGMENT_HEIGHT
from offchain.storage.miner.answer_book import Answer
from offchain.storage.miner.job import Job
from offchain.storage.miner.plan import Planner
from offchain.storage.miner.raw_load import load_levels
from offchain.storage.miner.sealed_loads import SealedLoads
from offchain.storage.miner.sealed_ranges import SealedRanges
from offchain.storage.miner.shelf import Shelf
from offchain.storage.node.catalog import Catalog


class Answers:
    """Builds answers from what is sealed and from the flow as it was followed."""

    def __init__(
        self, catalog: Catalog, ranges: SealedRanges, loads: SealedLoads, shelf: Shelf, miner_id: bytes
    ) -> None:
        """All are read only, but damaged loads are forgotten."""
        self._catalog = catalog
        self._ranges = ranges
        self._loads = loads
        self._shelf = shelf
        self._miner_id = miner_id
        self._planner = Planner(catalog, ranges)

    def build(self, found: Answer, job: Job) -> PoraAnswer:
        """What was found, as the mine takes it.

        Busy while the flow was not followed up to the job's context; Invalid when the load is no more here.
        """
        position = found.load + found.unit * UNIT_SECTORS
        return PoraAnswer(
            job.context.digest,
            found.nonce,
            self._miner_id,
            job.task.range,
            position,
            found.unit,
            self._unit(job.context, position),
            None if found.second is None else self._unit(job.context, found.second),
        )

    def _unit(self, context: Context, position: int) -> SealedUnit:
        if self._catalog.length_at_root(context.flow_root) != context.flow_length:
            raise Busy("the flow was not followed up to the context that is mined")
        load, unit = position // LOAD_SECTORS, position % LOAD_SECTORS // UNIT_SECTORS
        slot, data = self._shelf.slot(position), bytearray(LOAD_BYTES)
        plan = self._planner.plan(load)
        if plan is None or slot is None or not self._shelf.read(slot, memoryview(data), checked=True):
            raise Invalid(f"load {load} is not sealed any more")
        known = self._loads.find(slot)
        if known is None or known.plan != plan.digest:
            raise Invalid(f"load {load} is not sealed any more")
        sealed = bytes(data[unit * UNIT_BYTES : (unit + 1) * UNIT_BYTES])
        unseal(data, data, self._miner_id, plan.contexts, plan.position)
        proof = self._proof(context, position, load_levels(data, load), _beside(load, known.siblings))
        return SealedUnit(plan.contexts[unit], sealed, proof)

    def _proof(
        self, context: Context, position: int, levels: Sequence[HashRow], beside: Mapping[tuple[int, int], bytes]
    ) -> tuple[bytes, ...]:
        """Siblings from the unit's root up to the flow's: in the load from `levels`, then `beside` it, then above."""
        load = position // LOAD_SECTORS

        def known(height: int, index: int) -> bytes:
            steps = SEGMENT_HEIGHT - height
            if steps >= 0 and index >> steps == load:
                return levels[height][index - (load << steps)]
            return beside.get((height, index)) or self._catalog.subtree(height, index) or self._gap(height, index)

        return prove_sector(known, context.flow_length, position, UNIT_HEIGHT).siblings

    def _gap(self, height: int, index: int) -> bytes:
        """What is neither part of a load that is here nor told by the chain can only be empty."""
        entry = self._catalog.containing(index << height)
        if entry and index << height < entry.length:
            raise Corrupted(f"subtree {index} of height {height} is missing: remove the data directory to start over")
        return ZERO_ROOTS[height]

    def check(self, answer: PoraAnswer, job: Job, block: int) -> None:
        """Invalid with the mine's reason when it would refuse the answer in `block`; nothing where only it can tell."""
        opening = job.opening
        if opening is None:
            return
        units = (answer.unit, answer.second or answer.unit)
        ranges = self._ranges.named(*(unit.context_digest for unit in units))
        miners = {self._miner_id}
        known = Surroundings(job.parameters, job.context, block, lambda _: opening, job.target, ranges, miners)
        pora.verify(answer, known)


def _beside(load: int, siblings: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """Hashes beside the way from a load up to its plan's anchor, by height and index."""
    return {(SEGMENT_HEIGHT + level, load >> level ^ 1): each for level, each in enumerate(siblings)}
