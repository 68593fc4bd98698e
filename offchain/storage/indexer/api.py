"""The four `indexer_*` methods of the public RPC."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from offchain.net.parameters import U64, Flag, Hash
from offchain.protocol.shards import select
from offchain.runtime.threads import in_thread
from offchain.storage.indexer.fleet import Fleet, Member

MAX_CACHED = 100_000


class IndexerApi:
    """Answers from the fleet. Where a file is held is remembered for `cache_for` seconds."""

    def __init__(self, fleet: Fleet, cache_for: float, now: Callable[[], float] = time.monotonic) -> None:
        """`now` counts seconds."""
        self._fleet = fleet
        self._cache_for = cache_for
        self._now = now
        self._cache: OrderedDict[bytes, tuple[float, list[Member]]] = OrderedDict()

    @property
    def methods(self) -> Mapping[str, Callable[..., Any]]:
        """Methods by name."""
        return {
            "indexer_getShardedNodes": self.get_sharded_nodes,
            "indexer_getSelectedNodes": self.get_selected_nodes,
            "indexer_getNodeLocations": self.get_node_locations,
            "indexer_getFileLocations": self.get_file_locations,
        }

    async def get_sharded_nodes(self) -> dict[str, Any]:
        """All healthy nodes; all of them are trusted, for the operator named them."""
        return {"trusted": [_shown(member) for member in self._fleet.healthy()], "discovered": []}

    async def get_selected_nodes(
        self, replica: U64 = 1, method: str = "min", full_trusted: Flag = True, dropped: list[str] | None = None
    ) -> dict[str, Any]:
        """Nodes that together hold everything `replica` times, without those that the caller `dropped`."""
        members = [member for member in self._fleet.healthy() if member.url not in (dropped or [])]
        chosen = select([(member.url, member.shard) for member in members], replica, method or "min") or []
        return {"trusted": [_shown(member) for member in members if member.url in chosen], "discovered": []}

    async def get_node_locations(self) -> dict[str, dict[str, str]]:
        """Hosts of the nodes. Where on Earth they are is not looked up: that would tell a third party who asks."""
        hosts = {urlsplit(member.url).hostname or "" for member in self._fleet.healthy()}
        unknown = {"city": "", "region": "", "country": "", "location": "", "timezone": ""}
        return {host: dict(unknown) for host in sorted(hosts)}

    async def get_file_locations(self, root: Hash) -> list[dict[str, Any]] | None:
        """Nodes that hold a file, None when nobody does."""
        holders = await self._holders(root)
        return [_shown(member) for member in holders] or None

    async def _holders(self, root: bytes) -> list[Member]:
        known = self._cache.get(root)
        if known and self._now() - known[0] < self._cache_for:
            return known[1]
        holders = await in_thread(self._fleet.holders, root)
        if holders:
            # That nobody has a file is not remembered: it may be uploaded in this moment.
            self._cache[root] = (self._now(), holders)
            self._cache.move_to_end(root)
            if len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return holders


def _shown(member: Member) -> dict[str, Any]:
    return {
        "url": member.url,
        "config": {"shardId": member.shard.number, "numShard": member.shard.count},
        "latency": member.latency,
        "since": member.since,
    }
