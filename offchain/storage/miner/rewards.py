"""What the beneficiary is owed, and its transfer once that is enough."""

from __future__ import annotations

from itertools import count

from offchain.chain.contracts.mine import MineContract
from offchain.chain.contracts.reward import RewardContract
from offchain.chain.journal import Journal
from offchain.chain.outcomes import Cancelled
from offchain.chain.sender import TransactionSender
from offchain.errors import InsufficientFunds, RemoteRefused, TransactionReverted
from offchain.runtime.logging import get_logger
from offchain.runtime.metrics import Metrics
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread

log = get_logger("rewards")

PAUSE_SECONDS = 15.0


class Rewards:
    """Looks at what is owed to whoever is the beneficiary now."""

    def __init__(
        self,
        mine: MineContract,
        reward: RewardContract,
        miner_id: bytes,
        sender: TransactionSender,
        journal: Journal,
        withdraw_above: int | None,
        metrics: Metrics,
    ) -> None:
        """`withdraw_above` in wei, None for never; `journal` is the sender's."""
        self._mine = mine
        self._reward = reward
        self._miner_id = miner_id
        self._sender = sender
        self._journal = journal
        self._withdraw_above = withdraw_above
        self.owed = 0
        """Wei, as of the last look."""
        self.beneficiary: str | None = None
        """Who is owed that; it changes when the miner id is passed on, while this miner goes on to pay for proofs."""
        metrics.gauge("miner_owed_wei", "Wei that the beneficiary may withdraw.").set_function(lambda: self.owed)
        self._withdrawn = metrics.counter("miner_withdrawals", "Transfers of rewards that this miner paid for.")

    @property
    def service(self) -> Service:
        """Looks, and withdraws."""
        return Service.repeating("watch rewards", self._step)

    async def _step(self) -> float:
        await in_thread(self.look)
        return PAUSE_SECONDS

    def look(self) -> None:
        """Look once; withdraw what is enough."""
        beneficiary = self._mine.beneficiary(self._miner_id)
        if self.beneficiary and beneficiary != self.beneficiary:
            log.warning("rewards go to another beneficiary now", before=self.beneficiary, now=beneficiary)
        self.beneficiary = beneficiary
        self.owed = self._reward.owed(beneficiary) if beneficiary else 0
        if beneficiary and self._withdraw_above is not None and self.owed >= self._withdraw_above:
            self._withdraw(beneficiary)

    def _withdraw(self, beneficiary: str) -> None:
        name = next(name for name in map("withdraw:{}".format, count()) if not self._journal.settled(name))
        try:
            self._sender.submit(name, self._reward.withdraw(beneficiary))
            receipt = self._sender.check(name)
        except (Cancelled, InsufficientFunds, RemoteRefused, TransactionReverted) as error:
            log.warning("rewards cannot be withdrawn", wei=self.owed, reason=str(error))
            return
        if receipt:
            self._withdrawn.inc()
            log.info("withdrew rewards", beneficiary=beneficiary, wei=sum(self._reward.withdrawn(receipt.logs)))
