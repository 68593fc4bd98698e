"""The reward: fees by pricing chunk, and what miners are owed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from offchain.chain.abi import load
from offchain.chain.client import ChainClient
from offchain.chain.types import BlockTag, Log, PreparedCall


@dataclass(frozen=True, slots=True)
class ChunkFees:
    """Wei of a pricing chunk: not released yet, released and not paid, paid."""

    locked: int
    claimable: int
    distributed: int


@dataclass(frozen=True, slots=True)
class Distributed:
    """What a proof on a chunk earned its miner, in wei."""

    chunk: int
    beneficiary: str
    miner_id: bytes
    amount: int
    log: Log


class RewardContract:
    """`ChunkReward` at an address."""

    def __init__(self, client: ChainClient, address: str) -> None:
        """`address` as text."""
        self.client = client
        self._contract = client.contract(address, load("ChunkReward"))
        self.address = self._contract.address

    @property
    def topics(self) -> list[list[bytes]]:
        """What to watch for rewards."""
        return [[self._contract.topic("DistributeReward")]]

    def pricing_chunk(self) -> int:
        """Sectors of a pricing chunk."""
        sectors: int = self._contract.call("pricingChunk")
        return sectors

    def fees(self, chunk: int, block: BlockTag = "latest") -> ChunkFees:
        """What a chunk holds."""
        locked, claimable, distributed, _, _ = self._contract.call("rewards", chunk, block=block)
        return ChunkFees(locked, claimable, distributed)

    def deadline(self, chunk: int, block: BlockTag = "latest") -> int:
        """Unix time at which a chunk has released all; 0 when it never had anything, 2^256 - 1 when it never ends."""
        time: int = self._contract.call("rewardDeadline", chunk, block=block)
        return time

    def service_fee_due(self, block: BlockTag = "latest") -> int:
        """Wei that the treasury may withdraw."""
        due: int = self._contract.call("serviceFeeDue", block=block)
        return due

    def base_reward(self) -> tuple[int, int]:
        """Wei of donations for a proof on a live chunk, and wei that are left of them."""
        return self._contract.call("baseReward"), self._contract.call("totalBaseReward")

    def owed(self, payee: str, block: BlockTag = "latest") -> int:
        """Wei that `payee` may withdraw."""
        amount: int = self._contract.call("payments", payee, block=block)
        return amount

    def withdraw(self, payee: str) -> PreparedCall:
        """A transaction that sends `payee` all that it is owed."""
        return self._contract.prepare("withdrawPayments", payee)

    def withdrawn(self, logs: Iterable[Log]) -> list[int]:
        """Wei of the withdrawals in `logs`, in order."""
        topic = self._contract.topic("PaymentWithdrawn")
        ours = (log for log in logs if log.address == self.address and log.topics[:1] == (topic,))
        return [int(self._contract.decode(log).arguments["amount"]) for log in ours]

    def distributed(self, logs: Iterable[Log]) -> list[Distributed]:
        """Rewards in `logs`, in order."""
        topic, found = self._contract.topic("DistributeReward"), []
        for log in logs:
            if log.address == self.address and log.topics[:1] == (topic,):
                told = self._contract.decode(log).arguments
                miner_id, amount = bytes(told["minerId"]), told["amount"]
                found.append(Distributed(told["pricingIndex"], told["beneficiary"], miner_id, amount, log))
        return found
