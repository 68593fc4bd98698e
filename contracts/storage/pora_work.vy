# pragma version 0.4.3
"""
@title PoRA work
@notice The work of a proof: a pad from miner, nonce and context, the place it leads to, and the quality of what lies there.
        Model: offchain/protocol/pora.py.
@dev The pad is a chain of 512 hashes, of which a quarter is mixed with the unit. Only that quarter is kept.
"""
from contracts.common import blake2b

WORDS: constant(uint256) = 128

# Of four words, as BLAKE2b takes them.
BLOCKS: constant(uint256) = 32
QUARTERS: constant(uint256) = 4

# Steps of the chain make two words each; a quarter is 64 steps.
QUARTER_STEPS: constant(uint256) = 64

# First qualities below this lead to a second unit: one in 64, that is one in a load.
GATE: constant(uint256) = 2**250

# Steps that `_spin` does in one go.
STRIDE: constant(uint256) = 8


@pure
@internal
def _spin(first: bytes32, second: bytes32, strides: uint256) -> (bytes32, bytes32):
    """@notice The chain after 8 · `strides` steps, none of them kept."""
    a: bytes32 = first
    b: bytes32 = second
    for i: uint256 in range(strides, bound=32):
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
    return a, b


@view
@internal
def _seed(miner: bytes32, nonce: bytes32, subtask: bytes32, range_digest: bytes32) -> Bytes[64]:
    """@notice Where the pad's chain starts."""
    return blake2b._compress(blake2b.IV, miner, nonce, subtask, range_digest, 128, True)


@view
@internal
def _quality(sealed: bytes32[WORDS], unit: uint256, seed: Bytes[64]) -> (bytes32, bytes32):
    """
    @notice Work on unit number `unit` of its load.
    @return Quality: less is better; and the seed of the place where the load must lie.
    """
    quarter: uint256 = unit % QUARTERS
    strides: uint256 = QUARTER_STEPS // STRIDE
    a: bytes32 = empty(bytes32)
    b: bytes32 = empty(bytes32)
    a, b = abi_decode(seed, (bytes32, bytes32))
    a, b = self._spin(a, b, quarter * strides)
    state: Bytes[64] = blake2b._compress(
        blake2b.IV, convert(unit, bytes32), convert(slice(seed, 0, 32), bytes32), convert(slice(seed, 32, 32), bytes32),
        empty(bytes32), 128, False,
    )
    hashed: uint256 = 128
    # By blocks of four words: an index that the compiler knows is not checked.
    blocks: bytes32[4][BLOCKS] = abi_decode(abi_encode(sealed), bytes32[4][BLOCKS])
    for w: bytes32[4] in blocks:
        hashed += 128
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        m0: bytes32 = convert(convert(w[0], uint256) ^ convert(a, uint256), bytes32)
        m1: bytes32 = convert(convert(w[1], uint256) ^ convert(b, uint256), bytes32)
        a = keccak256(abi_encode(a, b))
        b = keccak256(abi_encode(a, b))
        m2: bytes32 = convert(convert(w[2], uint256) ^ convert(a, uint256), bytes32)
        m3: bytes32 = convert(convert(w[3], uint256) ^ convert(b, uint256), bytes32)
        state = blake2b._compress(state, m0, m1, m2, m3, hashed, hashed == 128 * (BLOCKS + 1))
    a, b = self._spin(a, b, (QUARTERS - 1 - quarter) * strides)
    return convert(slice(state, 0, 32), bytes32), keccak256(abi_encode(a, b))


@pure
@internal
def _second(first: bytes32, sealed: bytes32[WORDS]) -> bytes32:
    """@notice Quality after the second hop."""
    return keccak256(concat(first, abi_encode(sealed)))
