"""The sealed loads as mining reads them: by sector, some of them compared with their checksum."""

from __future__ import annotations

from offchain.errors import Corrupted
from offchain.protocol.recall import LOAD_SECTORS
from offchain.runtime.logging import get_logger
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.sealed_file import SealedFile, checksum
from offchain.storage.miner.sealed_loads import SealedLoads

log = get_logger("shelf")


class Shelf:
    """What counts, of the file; safe to use from several threads."""

    def __init__(self, holding: Holding, loads: SealedLoads, file: SealedFile, check_every: int) -> None:
        """One of `check_every` loads that are read is checked."""
        self._holding = holding
        self._loads = loads
        self._file = file
        self._check_every = check_every
        self._reads = 0

    @property
    def is_empty(self) -> bool:
        """Whether no load counts."""
        return not self._loads.count

    def slot(self, position: int | None) -> int | None:
        """Slot of the sealed load around sector `position`; None when it is not here."""
        slot = None if position is None else self._holding.slot(position // LOAD_SECTORS)
        return slot if slot is not None and self._loads.has(slot) else None

    def expect(self, slot: int) -> None:
        """The load in `slot` is going to be read."""
        self._file.expect(slot)

    def read(self, slot: int, target: memoryview, checked: bool = False) -> bool:
        """Read the load in `slot`; False, and it is forgotten, when it turns out to be damaged."""
        self._reads += 1
        try:
            self._file.read_into(slot, target)
        except Corrupted as error:
            return self._damaged(slot, str(error))
        if not checked and self._reads % self._check_every:
            return True
        known = self._loads.find(slot)
        if known is None or known.checksum != checksum(target):
            return self._damaged(slot, "its checksum differs")
        return True

    def read_unit(self, slot: int, unit: int) -> bytes | None:
        """A unit of the load in `slot`; None, and the load is forgotten, when the disk does not give it."""
        try:
            return self._file.read_unit(slot, unit)
        except Corrupted as error:
            self._damaged(slot, str(error))
            return None

    def _damaged(self, slot: int, reason: str) -> bool:
        log.warning("a sealed load is damaged and will be sealed again", load=self._holding.load(slot), reason=reason)
        self._loads.forget(slot)
        return False
