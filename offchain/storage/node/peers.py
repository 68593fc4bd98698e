"""Other nodes of the same flow: who is there, and what they hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from offchain.errors import PeerUnavailable, RemoteRefused
from offchain.net.http_client import HttpClient
from offchain.protocol.keccak import keccak256
from offchain.protocol.shards import Shard
from offchain.runtime.logging import get_logger
from offchain.runtime.service import Service
from offchain.runtime.threads import in_thread
from offchain.storage.client.node import NodeClient

log = get_logger("peers")

PEER_SECONDS = 5.0  # until a silent peer counts as gone
LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Identity:
    """The flow that a node follows."""

    chain_id: int
    flow: str


@dataclass(frozen=True, slots=True)
class Peer:
    """Another node; `last_seen` in Unix time, 0 before the first answer."""

    url: str
    client: NodeClient
    connected: bool = False
    shard: Shard = Shard()
    last_seen: float = 0.0
    problem: str = ""

    @property
    def id(self) -> str:
        """A short name that is the same for everybody."""
        return keccak256(self.url.encode()).hex()[:40]


class Peers:
    """The nodes that the settings name, asked again and again whether they are there."""

    def __init__(self, urls: Sequence[str], identity: Identity, now: Callable[[], float] = time.time) -> None:
        """Invalid when one of `urls` is none."""
        self._identity = identity
        self._now = now
        self._lock = threading.Lock()
        clients = [NodeClient(HttpClient(url, PEER_SECONDS)) for url in urls]
        self._peers = {client.url: Peer(client.url, client) for client in clients}

    @property
    def service(self) -> Service:
        """Looks at every peer in turn."""
        return Service.repeating("watch peers", self._look)

    def all(self) -> list[Peer]:
        """Every peer as it was seen last."""
        with self._lock:
            return list(self._peers.values())

    def connected(self) -> list[Peer]:
        """Peers that answered last time."""
        return [peer for peer in self.all() if peer.connected]

    async def _look(self) -> float:
        for peer in self.all():
            seen = await in_thread(self._seen, peer)
            if seen.connected != peer.connected or seen.problem != peer.problem:
                log.info("peer", url=peer.url, connected=seen.connected, problem=seen.problem or None)
            with self._lock:
                self._peers[peer.url] = seen
        return LOOK_SECONDS

    def _seen(self, peer: Peer) -> Peer:
        try:
            status, shard = peer.client.status(), peer.client.shard()
        except (PeerUnavailable, RemoteRefused) as error:
            return replace(peer, connected=False, problem=str(error))
        if Identity(status.chain_id, status.flow.lower()) != self._identity:
            problem = f"it follows {status.flow} on chain {status.chain_id}"
            return replace(peer, connected=False, problem=problem)
        return replace(peer, connected=True, shard=shard, last_seen=self._now(), problem="")
