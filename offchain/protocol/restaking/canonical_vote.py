"""The bytes that a CometBFT validator signs for a prevote or precommit: its CanonicalVote (`types/canonical.go`), in
protobuf, with the length before it. The same from 0.38 to 2.

Members that are zero are left out; a vote for nil has no block id; the time is never left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from offchain.errors import Invalid

PREVOTE, PRECOMMIT = 1, 2
MAX_CHAIN_ID = 50
NANOS = 10**9
NIL = bytes(32)


@dataclass(frozen=True, slots=True)
class Position:
    """What two votes share that one validator must not cast both of."""

    vote_type: int
    height: int
    round: int

    def check(self) -> None:
        """Invalid unless a validator may vote there."""
        if self.vote_type not in (PREVOTE, PRECOMMIT):
            raise Invalid("vote: bad type")
        if not 0 < self.height < 1 << 63:
            raise Invalid("vote: bad height")
        if not 0 <= self.round < 1 << 31:
            raise Invalid("vote: bad round")


@dataclass(frozen=True, slots=True)
class Ballot:
    """A block, by hash and by number and hash of its parts, all zero for nil; Unix time, and nanoseconds of it."""

    block_hash: bytes = NIL
    parts_total: int = 0
    parts_hash: bytes = NIL
    time: int = 0
    nanos: int = 0

    @property
    def block_id(self) -> tuple[bytes, int, bytes]:
        """What is voted for."""
        return self.block_hash, self.parts_total, self.parts_hash

    def check(self) -> None:
        """Invalid unless a validator may sign it."""
        if self.block_hash == NIL:
            if self.parts_total or self.parts_hash != NIL:
                raise Invalid("vote: half a block id")
        elif not 0 < self.parts_total < 1 << 32:
            raise Invalid("vote: bad number of parts")
        if not 0 <= self.nanos < NANOS:
            raise Invalid("vote: bad nanoseconds")
        if not -(1 << 63) <= self.time < 1 << 63:
            raise Invalid("vote: bad time")


def sign_bytes(position: Position, ballot: Ballot, chain_id: str) -> bytes:
    """The bytes that are signed; Invalid for what no validator signs."""
    position.check()
    ballot.check()
    name = chain_id.encode()
    if not 0 < len(name) <= MAX_CHAIN_ID:
        raise Invalid("vote: bad chain id")
    fields = b"\x08" + _varint(position.vote_type) + b"\x11" + position.height.to_bytes(8, "little")
    if position.round:
        fields += b"\x19" + position.round.to_bytes(8, "little")
    if ballot.block_hash != NIL:
        parts = b"\x08" + _varint(ballot.parts_total) + b"\x12" + _prefixed(ballot.parts_hash)
        fields += b"\x22" + _prefixed(b"\x0a" + _prefixed(ballot.block_hash) + b"\x12" + _prefixed(parts))
    return _prefixed(fields + b"\x2a" + _prefixed(_timestamp(ballot)) + b"\x32" + _prefixed(name))


def _timestamp(ballot: Ballot) -> bytes:
    seconds = b"\x08" + _varint(ballot.time % (1 << 64)) if ballot.time else b""
    return seconds + (b"\x10" + _varint(ballot.nanos) if ballot.nanos else b"")


def _prefixed(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    made = bytearray()
    while number >= 128:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])
