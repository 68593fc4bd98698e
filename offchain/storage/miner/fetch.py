"""Fetches what loads are made of from storage nodes, and believes only what leads to the roots that the chain told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from offchain.errors import Busy, InvalidProof, NotFound, PeerUnavailable, RemoteRefused
from offchain.protocol.shards import first_segment
from offchain.storage.client.download import verify
from offchain.storage.client.network import Holder, Network, Node, gathered
from offchain.storage.miner.plan import Plan
from offchain.storage.miner.raw_load import RawLoad, Segment, assemble
from offchain.storage.node.catalog import Entry

LOOK_SECONDS = 10.0
"""How long answers of nodes are believed before they are asked again: who there is, who has a file."""

RUN_SEGMENTS = 16
"""Asked for with one request."""

Bytes = bytes | bytearray


class FileUnavailable(PeerUnavailable):
    """No storage node gives the file of submission `seq`, or what it should be."""

    def __init__(self, seq: int, reason: str) -> None:
        """`reason` reads on from "cannot be had: "."""
        self.seq = seq
        super().__init__(f"submission {seq} cannot be had: {reason}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """Loads that could be had, and why some could not: reasons by the submissions whose files are missing."""

    loads: Sequence[RawLoad]
    missing: Mapping[int, str]


class Sources:
    """Storage nodes of one flow; safe to use from several threads."""

    def __init__(self, network: Network, identity: tuple[int, str], now: Callable[[], float] = time.monotonic) -> None:
        """`identity` is the chain id and the flow's address in lower case."""
        self._network = network
        self._identity = identity
        self._now = now
        self._lock = threading.Lock()
        self._nodes: list[Node] = []
        self._holders: dict[tuple[int, bytes, int], list[Holder]] = {}
        self._looked = float("-inf")

    def loads(self, plans: Sequence[Plan]) -> Fetched:
        """The loads of `plans`. PeerUnavailable when there are no nodes; raises as `assemble`."""
        wanted: dict[int, tuple[Entry, set[int]]] = {}
        for part in (part for plan in plans for part in plan.parts if part.has_data or plan.steps):
            wanted.setdefault(part.entry.seq, (part.entry, set()))[1].add(part.source)
        segments, missing = dict[int, dict[int, Segment]](), dict[int, str]()
        for seq, (entry, indices) in wanted.items():
            try:
                segments[seq] = self.segments(entry, sorted(indices))
            except FileUnavailable as error:
                missing[seq] = str(error)
        whole = [plan for plan in plans if not any(part.entry.seq in missing for part in plan.parts)]
        return Fetched([assemble(plan, lambda part: segments[part.entry.seq][part.source]) for plan in whole], missing)

    def segments(self, entry: Entry, indices: Sequence[int]) -> dict[int, Segment]:
        """Verified segments of a file by index; FileUnavailable when the nodes do not give all of them.

        PeerUnavailable when there are no nodes.
        """
        found: dict[int, Segment] = {}
        problems = list[str]()
        for holder in self._in_turn(entry, indices[0]):
            missing = [index for index in indices if index not in found and _holds(holder, index)]
            try:
                for index, segment in _received(holder, entry, missing):
                    found[index] = segment
            except (PeerUnavailable, RemoteRefused, NotFound, Busy, InvalidProof) as error:
                problems.append(f"{holder.node.url}: {error}")
                self._pass_over(entry, holder)
        if len(found) < len(indices):
            reasons = "; ".join(problems) or "no storage node has all of it"
            raise FileUnavailable(entry.seq, reasons)
        return found

    def _in_turn(self, entry: Entry, index: int) -> list[Holder]:
        """Nodes that have the file of a submission as far as their shard goes, another one first for each run."""
        holders = self._holding(entry)
        at = index // RUN_SEGMENTS % max(len(holders), 1)
        return holders[at:] + holders[:at]

    def _holding(self, entry: Entry) -> list[Holder]:
        key = _key(entry)
        nodes = self._known()
        with self._lock:
            if key in self._holders:
                return self._holders[key]
        asked = gathered(lambda node: _asked(node, entry), nodes)
        holders = [holder for holder in asked if holder is not None]
        with self._lock:
            self._holders[key] = holders
        return holders

    def _pass_over(self, entry: Entry, holder: Holder) -> None:
        """Ask a node that failed or lied for no more of a file until all nodes are looked at again."""
        with self._lock:
            known = self._holders.get(_key(entry), [])
            self._holders[_key(entry)] = [each for each in known if each is not holder]

    def close(self) -> None:
        """Close all connections."""
        self._network.close()

    def _known(self) -> list[Node]:
        with self._lock:
            if self._now() - self._looked > LOOK_SECONDS:
                self._nodes, self._holders = self._found(), {}
                self._looked = self._now()
            return self._nodes

    def _found(self) -> list[Node]:
        """Nodes of this flow; an indexer may list others, and none of them keeps the miner from its work."""
        nodes = self._network.answering()
        ours = [node for node in nodes if (node.status.chain_id, node.status.flow.lower()) == self._identity]
        if not ours:
            others = "; ".join(
                f"{each.url} follows {each.status.flow} on chain {each.status.chain_id}" for each in nodes
            )
            raise PeerUnavailable(f"no storage node has this flow: {others}")
        return ours


def _key(entry: Entry) -> tuple[int, bytes, int]:
    """What tells a file of the flow from that of another fork of the chain."""
    return entry.seq, entry.root, entry.start


def _asked(node: Node, entry: Entry) -> Holder | None:
    """A node that has the file of a submission; None when it does not, or speaks of another fork of the chain."""
    try:
        info = node.client.file_by_seq(entry.seq)
    except (PeerUnavailable, RemoteRefused):
        return None
    same = info is not None and (info.root, info.size, info.start) == (entry.root, entry.size, entry.start)
    return Holder(node, info) if info and same and info.finalized else None


def _holds(holder: Holder, index: int) -> bool:
    return holder.node.shard.owns(first_segment(holder.info.start) + index)


def _received(holder: Holder, entry: Entry, indices: Sequence[int]) -> Iterator[tuple[int, Segment]]:
    for run in _runs(indices) if holder.node.framed else []:
        for frame in holder.node.client.fetch(entry.root, entry.size, run.start, len(run)):
            verify(entry.root, entry.size, frame.index, frame.data, frame.siblings)
            yield frame.index, Segment(frame.data, frame.siblings)
    for index in indices if not holder.node.framed else []:
        segment = holder.node.client.download(entry.seq, index)
        if segment is None:
            raise NotFound(f"segment {index} is not there, although the file is finalized")
        data = bytes(segment.data)
        verify(entry.root, entry.size, index, data, segment.siblings)
        yield index, Segment(data, segment.siblings)


def _runs(indices: Sequence[int]) -> Iterator[range]:
    """Consecutive indices together, so many at a time."""
    first = at = 0
    while first < len(indices):
        at = first + 1
        while at < len(indices) and indices[at] == indices[at - 1] + 1 and at - first < RUN_SEGMENTS:
            at += 1
        yield range(indices[first], indices[first] + at - first)
        first = at
