"""A segment that comes by REST, on its way to the nodes that have to hold it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from offchain.errors import Invalid, InvalidProof, NotFound
from offchain.fast import merkle as fast
from offchain.protocol.file_tree import check_segment
from offchain.protocol.merkle import Proof
from offchain.protocol.sectors import segment_leaf_count
from offchain.protocol.shards import first_segment, select
from offchain.storage.client.download import verify
from offchain.storage.client.network import Holder
from offchain.storage.client.patience import again
from offchain.storage.indexer.lookup import Cid, Lookup
from offchain.storage.indexer.refusals import NOT_FOUND, refusal, wrong
from offchain.storage.wire import Segment, from_hex, number, proof_from_json, whole_proof

MAX_REPLICAS = 256


@dataclass(frozen=True, slots=True)
class Received:
    """What the body of a request says: a segment of a file, to be held by so many nodes."""

    cid: Cid
    index: int
    data: bytes
    proof: Proof
    replicas: int

    @classmethod
    def parse(cls, body: bytes) -> Received:
        """RestError for anything but {root or txSeq, size, index, data, proof, expectedReplica}."""
        try:
            told = json.loads(body)
            return cls(
                _cid(told),
                number(told.get("index", 0)),
                base64.b64decode(told["data"], validate=True),
                proof_from_json(told["proof"]),
                min(number(told.get("expectedReplica", 0)), MAX_REPLICAS) or 1,
            )
        except KeyError as error:
            raise wrong(f"{error.args[0]} is missing") from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise wrong(str(error)) from error


def forward(lookup: Lookup, received: Received) -> None:
    """Give a segment to nodes that own it; RestError when it is not of its file, NotFound for too few nodes."""
    told = lookup.told(received.cid)
    if not told:
        raise refusal(NOT_FOUND)
    segment, leaf = _verified(told[0], received)
    chosen = select([(holder.node.url, holder.node.shard) for holder in told], received.replicas)
    if chosen is None:
        raise NotFound(f"{len(told)} nodes cannot hold {received.replicas} replicas")
    for holder in told:
        owns = holder.node.shard.owns(first_segment(holder.info.start) + segment.index)
        if holder.node.url in chosen and owns and not holder.info.finalized:
            again(partial(holder.node.client.upload, [(segment, leaf)], holder.info.seq))


def _verified(holder: Holder, received: Received) -> tuple[Segment, bytes]:
    root, size, index, data = holder.info.root, holder.info.size, received.index, received.data
    try:
        check_segment(size, index, len(data))
        siblings = tuple(received.proof.lemma[1:-1])
        verify(root, size, index, data, siblings)
        leaf = fast.segment_root(data, segment_leaf_count(size, index))
        if received.proof != whole_proof(root, size, index, leaf, siblings):
            raise InvalidProof("the proof is not that of this segment")
    except Invalid as error:
        raise wrong(f"failed to validate merkle proof: {error}") from error
    return Segment(root, size, index, data, siblings), leaf


def _cid(told: Any) -> Cid:
    if told.get("txSeq") is not None:
        return Cid(number(told["txSeq"]))
    size = told.get("size")
    return Cid(None, (from_hex(told["root"]),), None if size is None else number(size))
