"""JSON-RPC results into our types; whatever does not fit is the RPC's fault."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from eth_utils.address import to_checksum_address

from offchain.chain.types import Header, Log, Receipt
from offchain.errors import ChainUnavailable

T = TypeVar("T")


def parsed(parse: Callable[[Any], T], raw: object) -> T:
    """`parse(raw)`; raises `ChainUnavailable` where the shape is wrong."""
    try:
        return parse(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ChainUnavailable(f"the RPC sent a malformed answer ({type(error).__name__}: {error})") from error


def quantity(raw: str) -> int:
    """A hexadecimal number."""
    return int(raw, 16)


def octets(raw: str) -> bytes:
    """Hexadecimal bytes of any length, with or without 0x."""
    return bytes.fromhex(raw.removeprefix("0x"))


def digest(raw: str) -> bytes:
    """Exactly 32 hexadecimal bytes."""
    value = octets(raw)
    if len(value) != 32:
        raise ValueError(f"{raw} is not a hash")
    return value


def header(raw: Mapping[str, Any]) -> Header:
    """A block or its header."""
    base_fee = raw.get("baseFeePerGas")
    return Header(
        number=quantity(raw["number"]),
        hash=digest(raw["hash"]),
        parent=digest(raw["parentHash"]),
        timestamp=quantity(raw["timestamp"]),
        bloom=octets(raw.get("logsBloom") or ""),
        base_fee=None if base_fee is None else quantity(base_fee),
        gas_limit=quantity(raw["gasLimit"]),
    )


def log(raw: Mapping[str, Any]) -> Log:
    """An entry of `eth_getLogs` or of a receipt."""
    return Log(
        address=to_checksum_address(raw["address"]),
        topics=tuple(digest(topic) for topic in raw["topics"]),
        data=octets(raw["data"]),
        block_number=quantity(raw["blockNumber"]),
        block_hash=digest(raw["blockHash"]),
        transaction_hash=digest(raw["transactionHash"]),
        index=quantity(raw["logIndex"]),
        removed=bool(raw.get("removed", False)),
    )


def logs(raw: list[Mapping[str, Any]]) -> tuple[Log, ...]:
    """The answer of `eth_getLogs`."""
    return tuple(log(entry) for entry in raw)


def receipt(raw: Mapping[str, Any]) -> Receipt:
    """The answer of `eth_getTransactionReceipt`."""
    contract = raw.get("contractAddress")
    return Receipt(
        transaction_hash=digest(raw["transactionHash"]),
        block_number=quantity(raw["blockNumber"]),
        block_hash=digest(raw["blockHash"]),
        succeeded=quantity(raw["status"]) == 1,
        gas_used=quantity(raw["gasUsed"]),
        gas_price=quantity(raw.get("effectiveGasPrice") or "0x0"),
        logs=logs(raw["logs"]),
        contract=None if contract is None else to_checksum_address(contract),
    )


def sent_by(raw: Mapping[str, Any], sender: str) -> dict[int, bytes]:
    """Hashes by nonce of a sender's transactions in a block that was read with them."""
    mine = [entry for entry in raw["transactions"] if entry["from"].lower() == sender.lower()]
    return {quantity(entry["nonce"]): digest(entry["hash"]) for entry in mine}
