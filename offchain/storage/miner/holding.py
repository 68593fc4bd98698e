"""Which loads of the flow a miner answers for, and in which order it keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.protocol.recall import LOAD_SECTORS, MAX_RANGE, UNSHARDED, RecallRange
from offchain.protocol.shards import Shard

MAX_SLOTS = MAX_RANGE // LOAD_SECTORS


@dataclass(frozen=True, slots=True)
class Holding:
    """Loads that `shard` owns of the flow from sector `start` on, at most 8 TiB. A *slot* is a load's rank in it."""

    shard: Shard = UNSHARDED
    start: int = 0

    @property
    def first(self) -> int:
        """Number within the flow of the load in slot 0."""
        return self.start // LOAD_SECTORS + self.shard.number

    def load(self, slot: int) -> int:
        """Number within the flow of the load in `slot`."""
        return self.first + slot * self.shard.count

    def slot(self, load: int) -> int | None:
        """Slot of load `load` of the flow; None when it is not held."""
        slot, rest = divmod(load - self.first, self.shard.count)
        return None if rest or not 0 <= slot < MAX_SLOTS else slot

    def slots(self, sectors: int) -> int:
        """How many loads of the holding lie entirely within the first `sectors` sectors of the flow."""
        loads = sectors // LOAD_SECTORS - self.first
        return min(max(-(-loads // self.shard.count), 0), MAX_SLOTS)

    def range(self, flow_length: int) -> RecallRange | None:
        """What is mined of a flow of `flow_length` sectors; None while it is too short to have such a range."""
        found = RecallRange.widest(flow_length, self.shard, self.start)
        usable = flow_length // LOAD_SECTORS * LOAD_SECTORS
        return found if found.length and self.start + found.length <= usable else None
