"""The worked duplicate vote of tests/vectors, as evidence and as the tuple that the contract takes."""

import json
from dataclasses import astuple
from pathlib import Path

from offchain.protocol.restaking.canonical_vote import Ballot, Position
from offchain.protocol.restaking.duplicate_vote import Evidence, KeyType, Signature, Vote

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "duplicate_vote.json").read_text())
CHAIN_ID = VECTOR["chain_id"]
POSITION = Position(**VECTOR["position"])
ADDRESS = bytes.fromhex(VECTOR["address"])


def ballot(name):
    """Ballot A, B or nil."""
    told = {key: each for key, each in VECTOR[name].items() if key != "sign_bytes"}
    for key in ("block_hash", "parts_hash"):
        if key in told:
            told[key] = bytes.fromhex(told[key])
    return Ballot(**told)


def evidence(key_type=KeyType.SECP256K1ETH):
    """Both votes of the validator, signed in one way."""
    votes = []
    for name in "AB":
        raw = bytes.fromhex(VECTOR[key_type.name][name]["signature"])
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
        votes.append(Vote(ballot(name), Signature(27 + raw[64], r, s)))
    return Evidence(POSITION, *votes)


def encoded(given):
    """The tuple of the ABI."""
    return astuple(given)
