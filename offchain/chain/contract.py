"""A contract at an address, by the names in its ABI; the typed classes in `contracts/` are built on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.exceptions import BadFunctionCallOutput, LogTopicError, MismatchedABI, Web3ValueError

from offchain.chain.types import BlockTag, Log, PreparedCall
from offchain.errors import Invalid, WrongChain


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded log: integers, bytes, checksummed addresses, structs as mappings."""

    name: str
    arguments: Mapping[str, Any]
    log: Log


class Contract:
    """Calls, prepared transactions and events; overloads are named with types, as in `submit((uint256,bytes))`."""

    def __init__(self, web3: Web3, address: str, abi: Sequence[Mapping[str, Any]]) -> None:
        """`address` with or without checksum; raises `Invalid` if it is no address."""
        try:
            self.address = to_checksum_address(address)
        except ValueError as error:
            raise Invalid(f"{address!r} is not an address") from error
        self._web3 = web3
        self._has_code = False
        self._contract: Any = web3.eth.contract(address=self.address, abi=abi)
        self._events = {self._topic(entry["name"]): entry["name"] for entry in abi if entry["type"] == "event"}

    def call(self, function: str, *arguments: object, block: BlockTag = "latest", sender: str | None = None) -> Any:
        """What a view returns at `block`.

        Raises `TransactionReverted` with the contract's reason, `WrongChain` when nothing or another contract is there.
        """
        self._ensure_code()
        options = {"from": sender} if sender else {}
        try:
            return self._contract.functions[function](*arguments).call(options, block_identifier=block)
        except BadFunctionCallOutput as error:
            raise WrongChain(f"{self.address} gave no usable answer to {function}: is it another contract?") from error

    def prepare(self, function: str, *arguments: object, value: int = 0, gas: int | None = None) -> PreparedCall:
        """A transaction for `TransactionSender`; `value` in wei."""
        data: str = self._contract.encode_abi(function, args=arguments)
        return PreparedCall(self.address, bytes.fromhex(data.removeprefix("0x")), value, gas)

    def topic(self, event: str) -> bytes:
        """The first topic of the event's logs; raises `Invalid` for a name that is not in the ABI."""
        for topic, name in self._events.items():
            if name == event:
                return topic
        raise Invalid(f"the ABI of {self.address} has no event {event}")

    def decode(self, log: Log) -> Event:
        """The event in a log of this contract; raises `Invalid` for logs of other contracts or unknown events."""
        name = self._events.get(log.topics[0] if log.topics else b"")
        if name is None or log.address != self.address:
            raise Invalid(f"log {log.index} of block {log.block_number} is no known event of {self.address}")
        try:
            event = self._contract.events[name]().process_log(_as_web3(log))
        except (DecodingError, LogTopicError, MismatchedABI, Web3ValueError) as error:
            raise Invalid(f"log {log.index} of block {log.block_number} does not fit {name}: {error}") from error
        return Event(name, event["args"], log)

    def _ensure_code(self) -> None:
        if not self._has_code and not self._web3.eth.get_code(self.address):
            raise WrongChain(f"there is no contract at {self.address}: is the address right for this chain?")
        self._has_code = True

    def _topic(self, event: str) -> bytes:
        topic: bytes = bytes.fromhex(self._contract.events[event]().topic.removeprefix("0x"))
        return topic


def _as_web3(log: Log) -> dict[str, Any]:
    return {
        "address": log.address,
        "topics": log.topics,
        "data": log.data,
        "blockNumber": log.block_number,
        "blockHash": log.block_hash,
        "transactionHash": log.transaction_hash,
        "transactionIndex": 0,
        "logIndex": log.index,
    }
