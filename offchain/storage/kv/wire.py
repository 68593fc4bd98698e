"""What server and clients of streams send each other beyond the public RPC: proofs, and what is known of a stream."""

from __future__ import annotations

from typing import Any

from offchain.errors import InvalidProof
from offchain.protocol.kv.state_tree import Leaf, Proof
from offchain.storage.wire import from_hex, number, to_hex

MAX_QUERY_BYTES = 1 << 18
"""Most of a value that one call of the public RPC asks for."""


def proof_to_json(proof: Proof) -> dict[str, Any]:
    """`{siblings, other}`; `other` is null or `{path, version, digest}`."""
    other = proof.other
    shown = other and {"path": to_hex(other.path), "version": other.version, "digest": to_hex(other.digest)}
    return {"siblings": [to_hex(sibling) for sibling in proof.siblings], "other": shown}


def proof_from_json(value: Any) -> Proof:
    """The proof that `value` is; InvalidProof when it is none."""
    try:
        siblings = tuple(from_hex(each) for each in value["siblings"])
        told = value["other"]
        other = None if told is None else _leaf(told)
    except (TypeError, KeyError, ValueError) as error:
        raise InvalidProof(f"a proof has siblings and perhaps another leaf: {error}") from error
    return Proof(siblings, other)


def _leaf(told: Any) -> Leaf:
    return Leaf(from_hex(told["path"]), _version(told["version"]), from_hex(told["digest"]))


def _version(value: Any) -> int:
    if number(value) >= 1 << 64:
        raise ValueError(f"{value} is no version")
    return int(value)
