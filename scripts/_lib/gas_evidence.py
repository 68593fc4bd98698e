"""Gas of checking evidence: execution alone, without the 21,000 and the calldata of a transaction."""

from __future__ import annotations

from dataclasses import astuple
from hashlib import sha256

from eth_keys.datatypes import PrivateKey

from offchain.protocol.restaking.canonical_vote import PRECOMMIT, Ballot, Position, sign_bytes
from offchain.protocol.restaking.duplicate_vote import Evidence, KeyType, Signature, Vote, digest
from scripts._lib.abis import contract_paths

Measured = dict[str, int]

CHAIN_ID = "zg-child-7"
POSITION = Position(PRECOMMIT, 12_345, 2)
KEY = PrivateKey(sha256(b"a validator").digest())


def duplicate_votes() -> Measured:
    """Recovering who signed two votes, for each kind of key."""
    import boa

    paths = {path.stem: str(path) for path in contract_paths()}
    # Recovering asks no registry: any code will do for them.
    registry = boa.load_partial(paths["WrappedNative"]).deploy("", "").address
    verifier = boa.load_partial(paths["CometDuplicateVote"]).deploy(registry, registry)
    measured = {}
    for kind in KeyType:
        verifier.recover(CHAIN_ID, kind, astuple(_evidence(kind)))
        measured[f"restaking.recover_duplicate_vote_{kind.name.lower()}/exec"] = verifier._computation.get_gas_used()
    return measured


def _evidence(kind: KeyType) -> Evidence:
    return Evidence(POSITION, *(_vote(kind, name) for name in (b"A", b"B")))


def _vote(kind: KeyType, name: bytes) -> Vote:
    ballot = Ballot(sha256(b"block-" + name).digest(), 1, sha256(b"parts-" + name).digest(), 1_767_225_600, 123_456_789)
    signed = KEY.sign_msg_hash(digest(kind, sign_bytes(POSITION, ballot, CHAIN_ID)))
    return Vote(ballot, Signature(27 + signed.v, signed.r, signed.s))
