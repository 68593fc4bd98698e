"""Storage nodes that the files of submissions come from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from offchain.errors import PeerUnavailable, RemoteRefused, WrongChain
from offchain.protocol.sectors import segment_count
from offchain.protocol.shards import MAX_SHARDS, first_segment
from offchain.storage.client.download import Download
from offchain.storage.client.network import Holder, Network, Node, gathered
from offchain.storage.kv.server.ledger import Entry

LOOK_SECONDS = 10.0
"""How long the list of nodes is used before it is asked for again, and a silent node is left alone."""


class Sources:
    """Nodes of one flow, named by the operator or by an indexer; safe to use from several threads."""

    def __init__(
        self,
        nodes: Sequence[str],
        indexer: str | None,
        identity: tuple[int, str],
        seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`identity` is the chain id and the flow's address in lower case; `seconds` bound each call to a node."""
        self._network = Network(nodes, indexer, seconds, identity=identity)
        self._now = now
        self._lock = threading.Lock()
        self._nodes: list[Node] = []
        self._looked = float("-inf")
        self._silent: dict[str, float] = {}

    def nodes(self) -> list[Node]:
        """Nodes of this flow that answer; PeerUnavailable when there are none."""
        with self._lock:
            if not self._nodes or self._now() - self._looked > LOOK_SECONDS:
                self._nodes, self._looked = self._found(), self._now()
            silent = {url for url, until in self._silent.items() if until > self._now()}
            return [node for node in self._nodes if node.url not in silent] or self._nodes

    def download(self, entry: Entry) -> Download | None:
        """The download of a submission's file; None when the nodes know the submission and do not have all of it.

        PeerUnavailable when too few nodes answer to tell.
        """
        asked = gathered(lambda node: self._asked(node, entry), self.nodes())
        told = [holder for holder in asked if holder is not None]
        if not _hold(told, entry):
            raise PeerUnavailable("too few storage nodes know of the submission to tell whether its file is there")
        complete = [holder for holder in told if holder.info.finalized]
        return Download(entry.root, complete) if _hold(complete, entry) else None

    def close(self) -> None:
        """Close all connections."""
        self._network.close()

    def _found(self) -> list[Node]:
        try:
            return self._network.nodes()
        except WrongChain as error:
            raise PeerUnavailable(str(error)) from error

    def _asked(self, node: Node, entry: Entry) -> Holder | None:
        """What a node says of a submission; None when it does not answer, or speaks of another fork of the chain."""
        try:
            info = node.client.file_by_seq(entry.seq)
        except (PeerUnavailable, RemoteRefused):
            with self._lock:
                self._silent[node.url] = self._now() + LOOK_SECONDS
            return None
        if info is None or (info.root, info.size, info.start) != (entry.root, entry.size, entry.start):
            return None
        return Holder(node, info)


def _hold(holders: Sequence[Holder], entry: Entry) -> bool:
    """Whether each segment of a file belongs to the shard of one of `holders`."""
    first = first_segment(entry.start)
    segments = range(first, first + min(segment_count(entry.size), MAX_SHARDS))
    return all(any(holder.node.shard.owns(segment) for holder in holders) for segment in segments)
