# pragma version 0.4.3
"""
@title BLAKE2b
@notice BLAKE2b-512 without key, block by block, through the precompile of EIP-152 (RFC 7693).
"""

# Address of the compression function.
PRECOMPILE: constant(address) = 0x0000000000000000000000000000000000000009

# One gas a round; the rest is room for a chain that prices it otherwise.
GAS: constant(uint256) = 10_000

ROUNDS: constant(bytes4) = 0x0000000c

# State before the first block: the IV, its first word mixed with the parameters (digest of 64 bytes, no key).
IV: constant(Bytes[64]) = x"48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b"


@view
@internal
def _compress(
    state: Bytes[64], m0: bytes32, m1: bytes32, m2: bytes32, m3: bytes32, counter: uint256, last: bool
) -> Bytes[64]:
    """@notice State after one block; `counter` are the bytes hashed up to its end, below 65,536."""
    # Counter (16 bytes, little-endian) and flag of the last block.
    tail: uint256 = ((counter & 255) << 248) | ((counter >> 8) << 240) | (convert(last, uint256) << 120)
    return raw_call(
        PRECOMPILE,
        concat(ROUNDS, state, m0, m1, m2, m3, convert(convert(tail, bytes32), bytes17)),
        max_outsize=64,
        gas=GAS,
        is_static_call=True,
    )
