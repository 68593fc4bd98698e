"""Evidence that a validator voted twice at one height, round and step, for different blocks.

Rules of CometBFT's DuplicateVoteEvidence; nil and a block differ too. Signatures lie on secp256k1, in both kinds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from offchain.errors import Invalid, InvalidProof
from offchain.protocol.keccak import keccak256
from offchain.protocol.restaking.canonical_vote import Ballot, Position, sign_bytes
from offchain.protocol.secp256k1 import N, recover

DUPLICATE_VOTE = 1
"""The kind of this fault."""


class KeyType(IntEnum):
    """How a validator signs: over Keccak-256, as Ethereum does, or over SHA-256."""

    SECP256K1ETH = 1
    SECP256K1 = 2


@dataclass(frozen=True, slots=True)
class Signature:
    """`v` is CometBFT's recovery id plus 27."""

    v: int
    r: int
    s: int


@dataclass(frozen=True, slots=True)
class Vote:
    """A ballot and whose it is."""

    ballot: Ballot
    signature: Signature


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two votes at one position."""

    position: Position
    first: Vote
    second: Vote


def digest(key_type: KeyType, signed: bytes) -> bytes:
    """What is signed of the bytes, 32 bytes."""
    return keccak256(signed) if key_type is KeyType.SECP256K1ETH else hashlib.sha256(signed).digest()


def guilty(evidence: Evidence, chain_id: str, key_type: KeyType) -> bytes:
    """Ethereum address, 20 bytes, of the key that signed both votes; InvalidProof when they are no duplicate."""
    evidence.position.check()
    if evidence.first.ballot.block_id == evidence.second.ballot.block_id:
        raise InvalidProof("duplicate: same block")
    signers = [_signer(evidence.position, vote, chain_id, key_type) for vote in (evidence.first, evidence.second)]
    if signers[0] != signers[1]:
        raise InvalidProof("duplicate: two signers")
    return signers[0]


def fault_id(position: Position) -> bytes:
    """What tells one such fault of a validator from another: 32 bytes."""
    return keccak256(*(number.to_bytes(32, "big") for number in (position.vote_type, position.height, position.round)))


def _signer(position: Position, vote: Vote, chain_id: str, key_type: KeyType) -> bytes:
    signature, signed = vote.signature, digest(key_type, sign_bytes(position, vote.ballot, chain_id))
    if signature.s > N // 2:
        raise InvalidProof("duplicate: high s")
    try:
        x, y = recover(signed, signature.v - 27, signature.r, signature.s)
    except Invalid as error:
        raise InvalidProof("duplicate: bad signature") from error
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]
