"""What a reader is told, and why it can be believed."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.errors import PeerUnavailable

NEVER = -1
"""Sequence number before the first one."""


class Behind(PeerUnavailable):
    """A server has not come as far as it is asked about; it may later."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of `stream` after sequence number `seq`, under one root.

    While it is `provisional`, it would be another one if the file of some submission came that nodes do not have.
    """

    stream: bytes
    seq: int
    root: bytes
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A proof led to the root of `moment`, which the servers at the URLs `agreeing` told alike.

    `behind` counts submissions of the flow after the moment; None without an RPC of the chain to ask.
    """

    moment: Moment
    agreeing: tuple[str, ...]
    behind: int | None = None

    @property
    def seq(self) -> int:
        """The sequence number after which it was so."""
        return self.moment.seq


@dataclass(frozen=True, slots=True)
class Value:
    """What a key holds since `version`, the sequence number that wrote or deleted it; None when none ever did.

    `evidence` is None where a server was believed without proof.
    """

    data: bytes
    version: int | None
    evidence: Evidence | None = None

    @property
    def exists(self) -> bool:
        """Whether the key has a value."""
        return bool(self.data)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value."""

    key: bytes
    value: Value
