"""What a chain tells, in types of our own: hashes are 32 bytes, addresses checksummed text, amounts wei."""

from dataclasses import dataclass
from typing import Literal

BlockTag = int | Literal["latest", "finalized", "safe", "pending", "earliest"]


@dataclass(frozen=True, slots=True)
class Header:
    """A block without transactions: `timestamp` in seconds since 1970, `base_fee` in wei per gas, if there is one."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    bloom: bytes = b""
    base_fee: int | None = None
    gas_limit: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the chain recorded it; `index` counts within its block."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    index: int
    removed: bool = False


@dataclass(frozen=True, slots=True)
class LogPage:
    """Logs of a range of blocks, and the last header of the range as the same answer gave it."""

    logs: tuple[Log, ...]
    end: Header


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined transaction; `gas_price` in wei per gas."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    gas_price: int
    logs: tuple[Log, ...] = ()
    contract: str | None = None


@dataclass(frozen=True, slots=True)
class Fees:
    """What one gas may cost, in wei; without `priority` the chain knows only a gas price."""

    maximum: int
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A transaction that nobody has signed yet; `value` in wei, `gas` estimated when left out."""

    to: str
    data: bytes = b""
    value: int = 0
    gas: int | None = None
