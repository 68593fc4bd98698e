"""Which logs a watcher wants, by address and topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from offchain.chain.types import Log
from offchain.protocol.keccak import keccak256

BLOOM_BITS = 2048


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Logs of any of `addresses` whose topic at each position is one of the alternatives there; none means any."""

    addresses: tuple[str, ...]
    topics: tuple[tuple[bytes, ...], ...] = ()

    def as_rpc(self) -> dict[str, Any]:
        """The query of `eth_getLogs`, without blocks."""
        topics = [[f"0x{topic.hex()}" for topic in alternatives] or None for alternatives in self.topics]
        return {"address": list(self.addresses), "topics": topics}

    def matches(self, log: Log) -> bool:
        """Whether `log` is wanted."""
        if log.address.lower() not in {address.lower() for address in self.addresses}:
            return False
        if len(log.topics) < len(self.topics):
            return False
        return all(not some or topic in some for topic, some in zip(log.topics, self.topics, strict=False))

    def may_be_in(self, bloom: bytes) -> bool:
        """Whether a block with this bloom filter may hold a wanted log; false also for chains without blooms."""
        if len(bloom) * 8 != BLOOM_BITS:
            return False
        addresses = [bytes.fromhex(address.removeprefix("0x")) for address in self.addresses]
        return all(_any_in(bloom, some) for some in [addresses, *self.topics] if some)


def _any_in(bloom: bytes, values: Sequence[bytes]) -> bool:
    return any(all(bloom[-1 - bit // 8] >> bit % 8 & 1 for bit in bloom_bits(value)) for value in values)


def bloom_bits(value: bytes) -> tuple[int, int, int]:
    """The three bits that `value` sets in a block's bloom filter (Yellow Paper, section 4.3.1)."""
    digest = keccak256(value)
    first, second, third = (int.from_bytes(digest[i : i + 2], "big") % BLOOM_BITS for i in (0, 2, 4))
    return first, second, third
