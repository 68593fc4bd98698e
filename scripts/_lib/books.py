"""The books of a network: where every coin is that was paid for storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.contracts.reward import RewardContract
from scripts._lib.network import Network


@dataclass(frozen=True, slots=True)
class Books:
    """Wei at one block: `balance` is what flow and reward really hold, the rest is what they say of it."""

    balance: int
    pending: int
    held_for_miners: int
    owed_to_miners: int
    service_fee: int
    donated: int

    @property
    def accounted(self) -> int:
        """What should be there."""
        return self.pending + self.held_for_miners + self.owed_to_miners + self.service_fee + self.donated

    @classmethod
    def of(cls, network: Network, payees: Sequence[str] = ()) -> Books:
        """The books of a network whose miners are paid to `payees`."""
        client = ChainClient(network.rpc)
        flow = FlowContract(client, network.contracts["Flow"])
        reward = RewardContract(client, network.contracts["ChunkReward"])
        # One block for all answers: the chain mines by the clock.
        block = client.head().number
        chunks = [reward.fees(chunk, block) for chunk in range(-(-flow.length() // reward.pricing_chunk()))]
        return cls(
            balance=client.balance(flow.address, block) + client.balance(reward.address, block),
            pending=flow.pending_fees(block),
            held_for_miners=sum(each.locked + each.claimable for each in chunks),
            owed_to_miners=sum(reward.owed(payee, block) for payee in payees),
            service_fee=reward.service_fee_due(block),
            donated=reward.base_reward()[1],
        )
