"""Opens mining epochs when nobody else does and data waits for one: no context, no seal."""

from __future__ import annotations

from offchain.chain.contracts.flow import FlowContract
from offchain.chain.outcomes import Cancelled
from offchain.chain.sender import TransactionSender
from offchain.errors import InsufficientFunds, RemoteRefused, TransactionReverted
from offchain.runtime.logging import get_logger
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.job import Jobs
from offchain.storage.miner.sealed_ranges import SealedRanges
from offchain.storage.node.catalog import Catalog

log = get_logger("epochs")

LOOKS, MORE_LOOKS = 3, 8
"""How often to look before paying, and how many more looks miners differ by, so that not all of them pay at once."""


class Opening:
    """Looks whether loads of the holding lie in the flow that the next epoch would seal, and whether it is due."""

    def __init__(
        self,
        flow: FlowContract,
        sender: TransactionSender,
        jobs: Jobs,
        catalog: Catalog,
        ranges: SealedRanges,
        holding: Holding,
        miner_id: bytes,
        pause: float,
    ) -> None:
        """`pause` in seconds between looks."""
        self._flow = flow
        self._sender = sender
        self._jobs = jobs
        self._catalog = catalog
        self._ranges = ranges
        self._holding = holding
        self._patience = LOOKS + miner_id[0] % MORE_LOOKS
        self._pause = pause
        self._looks = 0

    @property
    def service(self) -> Service:
        """Opens epochs."""
        return Service.repeating("open epochs", self._step)

    async def _step(self) -> float:
        await in_thread(self.look)
        return self._pause

    def look(self) -> None:
        """Look once; pay when it was in vain often enough."""
        epoch = self._jobs.epoch
        if not self._waits() or self._flow.epoch() >= epoch:
            self._looks = 0
            return
        self._looks += 1
        if self._looks > self._patience:
            self._open(epoch)

    def _waits(self) -> bool:
        """Whether loads lie behind what contexts cover."""
        last = self._catalog.last()
        return last is not None and self._holding.slots(last.length) > self._holding.slots(self._ranges.covered())

    def _open(self, epoch: int) -> None:
        name = f"open:{epoch}"
        try:
            transaction_hash = self._sender.submit(name, self._flow.open_epochs())
            self._sender.check(name)
        except (Cancelled, InsufficientFunds, RemoteRefused, TransactionReverted) as error:
            log.warning("an epoch is due and cannot be opened", epoch=epoch, reason=str(error))
        else:
            log.info("opening an epoch", epoch=epoch, transaction="0x" + transaction_hash.hex())
        self._looks = 0
