"""Keccak-256 as Ethereum uses it (Yellow Paper, appendix A; padding 0x01, not SHA-3's 0x06)."""

from Crypto.Hash import keccak


def keccak256(*parts: bytes) -> bytes:
    """The 32-byte digest of `parts` laid end to end."""
    state = keccak.new(digest_bits=256)
    for part in parts:
        state.update(part)
    digest: bytes = state.digest()
    return digest
