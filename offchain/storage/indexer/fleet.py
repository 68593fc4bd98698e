"""The nodes that an indexer lists, and how they are."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median_high

from offchain.errors import PeerUnavailable, RemoteRefused
from offchain.net.http_client import HttpClient
from offchain.protocol.shards import Shard
from offchain.runtime.logging import get_logger
from offchain.storage.client.choice import Which
from offchain.storage.client.network import Holder, Node, gathered
from offchain.storage.client.node import Identity, NodeClient, NodeStatus
from offchain.storage.wire import FileInfo

log = get_logger("fleet")


@dataclass(frozen=True, slots=True)
class Member:
    """A node. `latency` in milliseconds; `since` in Unix time; without `status` it did not answer last time.

    `framed` tells whether it has the binary endpoint.
    """

    url: str
    client: NodeClient
    shard: Shard = Shard()
    status: NodeStatus | None = None
    latency: int = 0
    since: int = 0
    problem: str = "not asked yet"
    framed: bool = False


Answering = tuple[Member, NodeStatus]


class Fleet:
    """Nodes by URL, looked at again and again; safe to use from several threads."""

    def __init__(
        self,
        urls: Sequence[str],
        seconds: float,
        max_lag: int,
        now: Callable[[], float] = time.time,
        flow: str = "",
    ) -> None:
        """Nodes at `urls`, Invalid when one is none, that follow the contract `flow`; without it, the flow of most."""
        self._lock = threading.Lock()
        clients = [NodeClient(HttpClient(url, seconds)) for url in urls]
        self._members = {client.url: Member(client.url, client) for client in clients}
        self._max_lag = max_lag
        self._now = now
        self._flow = flow.lower()
        self._strays: dict[str, Identity] = {}

    def look(self) -> None:
        """Ask every node how it is."""
        seen = gathered(self._seen, self.all())
        with self._lock:
            self._members = {member.url: member for member in seen}
        answering = _answering(seen)
        ours = {member.url for member, _ in self._of_flow(answering)}
        strays = {member.url: status.identity for member, status in answering if member.url not in ours}
        for url, (chain, flow) in strays.items() - self._strays.items():
            log.warning("node follows another flow", url=url, chain=chain, flow=flow)
        self._strays = strays

    def all(self) -> list[Member]:
        """Every node as it was seen last."""
        with self._lock:
            return list(self._members.values())

    def healthy(self) -> list[Member]:
        """Nodes that answered, follow the flow, and do not lag behind the middle one of them.

        What a single node claims, be it another flow or a height, keeps no other from being listed.
        """
        same = self._of_flow(_answering(self.all()))
        if not same:
            return []
        middle = median_high(status.height for _, status in same)
        return [member for member, status in same if status.height + self._max_lag >= middle]

    def told(self, ask: Callable[[NodeClient], FileInfo | None]) -> list[Holder]:
        """What the healthy nodes that know a file say of it; `ask` asks one of them."""
        members = self.healthy()
        infos = gathered(lambda member: _answer(ask, member), members)
        return [Holder(_node(member), info) for member, info in zip(members, infos, strict=True) if info]

    def files(self, root: bytes, which: Which) -> list[Holder]:
        """What the healthy nodes say of files with `root`."""
        members = self.healthy()
        told = gathered(lambda member: _files(member, root, which), members)
        return [Holder(_node(member), info) for member, infos in zip(members, told, strict=True) for info in infos]

    def holders(self, root: bytes) -> list[Member]:
        """Healthy nodes that have all of a file as far as their shard goes."""
        members = self.healthy()
        held = gathered(lambda member: _holds(member, root), members)
        return [member for member, holds in zip(members, held, strict=True) if holds]

    def _of_flow(self, answering: Sequence[Answering]) -> list[Answering]:
        """Those that follow the flow that most follow, out of those that may be; the first named decides a draw."""
        asked = [each for each in answering if self._flow in ("", each[1].flow.lower())]
        counted = Counter(status.identity for _, status in asked).most_common(1)
        return [each for each in asked if each[1].identity == counted[0][0]]

    def _seen(self, member: Member) -> Member:
        started = time.monotonic()
        try:
            status, shard = member.client.status(), member.client.shard()
            latency = int((time.monotonic() - started) * 1000)
        except (PeerUnavailable, RemoteRefused) as error:
            if member.problem != str(error):
                log.warning("node is gone", url=member.url, reason=str(error))
            return replace(member, status=None, problem=str(error))
        if member.status is None:
            log.info("node is there", url=member.url, height=status.height)
            member = replace(member, framed=member.client.speaks_frames())
        since = member.since or int(self._now())
        return replace(member, status=status, shard=shard, latency=latency, since=since, problem="")


def _answering(members: Sequence[Member]) -> list[Answering]:
    return [(member, member.status) for member in members if member.status]


def _holds(member: Member, root: bytes) -> bool:
    info = _answer(lambda client: client.file(root, need_available=True), member)
    return info is not None and info.finalized


def _answer(ask: Callable[[NodeClient], FileInfo | None], member: Member) -> FileInfo | None:
    try:
        return ask(member.client)
    except (PeerUnavailable, RemoteRefused):
        return None


def _files(member: Member, root: bytes, which: Which) -> list[FileInfo]:
    try:
        return which.ask(member.client, member.framed, root)
    except (PeerUnavailable, RemoteRefused):
        return []


def _node(member: Member) -> Node:
    assert member.status is not None
    return Node(member.client, member.shard, member.status, member.framed)
