# pragma version 0.4.3
"""
@title Canonical vote
@notice The bytes that a CometBFT validator signs for a prevote or precommit, rebuilt from typed fields: nobody's bytes are
        parsed. Same in CometBFT 0.38 to 2. Model: offchain/protocol/restaking/canonical_vote.py.
@dev Protobuf with a length before it: type (1), height (2) and round (3) as sfixed64, block id (4), timestamp (5), chain
     id (6); members that are zero are left out.
"""

CHAIN_ID_BYTES: constant(uint256) = 50

# What the types of the parts add up to; votes are shorter.
BLOCK_ID_BYTES: constant(uint256) = 128
TIME_BYTES: constant(uint256) = 80
FIELD_BYTES: constant(uint256) = 320
VOTE_BYTES: constant(uint256) = 352

MASK64: constant(uint256) = 2**64 - 1

# Every second byte, and every second pair of bytes, of 64 bits.
BYTES: constant(uint256) = (2**64 - 1) // (2**8 + 1)
PAIRS: constant(uint256) = (2**64 - 1) // (2**16 + 1)

PREVOTE: constant(uint256) = 1
PRECOMMIT: constant(uint256) = 2
NANOS: constant(uint256) = 10**9


struct Position:
    voteType: uint256
    height: uint256
    round: uint256


struct Ballot:
    # What was voted for; all zero for nil.
    blockHash: bytes32
    partsTotal: uint256
    partsHash: bytes32
    # When: Unix time, negative in Go's zero time.
    time: int256
    nanos: uint256


@pure
@internal
def _check_position(position: Position):
    assert position.voteType == PREVOTE or position.voteType == PRECOMMIT, "vote: bad type"
    assert position.height > 0 and position.height < 2**63, "vote: bad height"
    assert position.round < 2**31, "vote: bad round"


@pure
@internal
def _sign_bytes(position: Position, ballot: Ballot, chain_id: String[CHAIN_ID_BYTES]) -> Bytes[VOTE_BYTES]:
    """@param position Already checked."""
    assert len(chain_id) > 0, "vote: bad chain id"
    fields: Bytes[FIELD_BYTES] = concat(
        self._head(position),
        self._block_id(ballot),
        self._timestamp(ballot),
        b"\x32",
        self._byte(len(chain_id)),
        convert(chain_id, Bytes[CHAIN_ID_BYTES]),
    )
    return concat(self._varint(len(fields)), fields)


@pure
@internal
def _head(position: Position) -> Bytes[32]:
    word: uint256 = 8 << 80 | position.voteType << 72 | 17 << 64 | self._reversed(position.height)
    if position.round == 0:
        return slice(convert(word << 168, bytes32), 0, 11)
    word = word << 72 | 25 << 64 | self._reversed(position.round)
    return slice(convert(word << 96, bytes32), 0, 20)


@pure
@internal
def _block_id(ballot: Ballot) -> Bytes[BLOCK_ID_BYTES]:
    """@notice Nothing for a vote for nil."""
    if ballot.blockHash == empty(bytes32):
        assert ballot.partsTotal == 0 and ballot.partsHash == empty(bytes32), "vote: half a block id"
        return b""
    assert ballot.partsTotal > 0 and ballot.partsTotal < 2**32, "vote: bad number of parts"
    total: Bytes[32] = self._varint(ballot.partsTotal)
    parts: uint256 = 35 + len(total)
    return concat(
        b"\x22",
        self._byte(36 + parts),
        b"\x0a\x20",
        ballot.blockHash,
        b"\x12",
        self._byte(parts),
        b"\x08",
        total,
        b"\x12\x20",
        ballot.partsHash,
    )


@pure
@internal
def _timestamp(ballot: Ballot) -> Bytes[TIME_BYTES]:
    assert ballot.nanos < NANOS, "vote: bad nanoseconds"
    assert ballot.time >= -(2**63) and ballot.time < 2**63, "vote: bad time"
    seconds: Bytes[33] = b""
    if ballot.time != 0:
        # Negative numbers as the two's complement of 64 bits.
        seconds = concat(b"\x08", self._varint(convert(convert(ballot.time, bytes32), uint256) & MASK64))
    nanos: Bytes[33] = b""
    if ballot.nanos != 0:
        nanos = concat(b"\x10", self._varint(ballot.nanos))
    return concat(b"\x2a", self._byte(len(seconds) + len(nanos)), seconds, nanos)


@pure
@internal
def _varint(number: uint256) -> Bytes[32]:
    if number < 128:
        return slice(convert(number << 248, bytes32), 0, 1)
    word: uint256 = 0
    rest: uint256 = number
    for count: uint256 in range(1, 11):
        if rest < 128:
            return slice(convert((word << 8 | rest) << (256 - 8 * count), bytes32), 0, count)
        word = word << 8 | rest & 127 | 128
        rest >>= 7
    # No number here has more than 64 bits.
    raise


@pure
@internal
def _reversed(number: uint256) -> uint256:
    """@notice 64 bits, the lowest byte first."""
    word: uint256 = (number & BYTES) << 8 | (number >> 8) & BYTES
    word = (word & PAIRS) << 16 | (word >> 16) & PAIRS
    return (word << 32 | word >> 32) & MASK64


@pure
@internal
def _byte(number: uint256) -> bytes1:
    return convert(convert(number, uint8), bytes1)
