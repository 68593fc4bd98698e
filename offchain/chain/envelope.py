"""The unsigned transaction: what is signed, and what the journal keeps for signing again."""

import json
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.address import to_checksum_address

from offchain.chain.types import Fees, PreparedCall


@dataclass(frozen=True, slots=True)
class Envelope:
    """A call with everything a signature covers; `gas` is the limit, fees are wei per gas."""

    chain_id: int
    nonce: int
    call: PreparedCall
    gas: int
    fees: Fees

    @property
    def cost(self) -> int:
        """Wei that the account must hold for it."""
        return self.call.value + self.gas_cost

    @property
    def gas_cost(self) -> int:
        """Wei that its gas may cost."""
        return self.gas * self.fees.maximum

    def offering(self, fees: Fees) -> "Envelope":
        """The same transaction for other fees."""
        return replace(self, fees=fees)

    def numbered(self, nonce: int) -> "Envelope":
        """The same transaction under another nonce."""
        return replace(self, nonce=nonce)

    def as_web3(self) -> dict[str, Any]:
        """The fields by web3's names; of type 2 (EIP-1559) or without a type on chains that know only a gas price."""
        fields: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "to": to_checksum_address(self.call.to),
            "value": self.call.value,
            "data": "0x" + self.call.data.hex(),
            "gas": self.gas,
        }
        if self.fees.priority is None:
            return {**fields, "gasPrice": self.fees.maximum}
        return {**fields, "type": 2, "maxFeePerGas": self.fees.maximum, "maxPriorityFeePerGas": self.fees.priority}

    def to_json(self) -> str:
        """Text for the journal."""
        return json.dumps(self.as_web3())

    @classmethod
    def from_json(cls, text: str) -> "Envelope":
        """What `to_json` wrote."""
        fields = json.loads(text)
        call = PreparedCall(fields["to"], bytes.fromhex(fields["data"][2:]), fields["value"])
        fees = (
            Fees(fields["gasPrice"])
            if "gasPrice" in fields
            else Fees(fields["maxFeePerGas"], fields["maxPriorityFeePerGas"])
        )
        return cls(fields["chainId"], fields["nonce"], call, fields["gas"], fees)
