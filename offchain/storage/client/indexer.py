"""The indexer as its clients see it: which nodes there are, and which hold a file."""

from __future__ import annotations

from typing import Any

from offchain.errors import PeerUnavailable
from offchain.net.http_client import HttpClient
from offchain.protocol.shards import Shard
from offchain.storage.wire import to_hex

Located = tuple[str, Shard]
"""URL of a node, and the part of the flow it holds."""


class IndexerClient:
    """Calls an indexer; raises PeerUnavailable when it is not there, RemoteRefused when it says no."""

    def __init__(self, http: HttpClient) -> None:
        """`http` is a client of the indexer's address."""
        self._http = http
        self.url = http.url

    def nodes(self) -> list[Located]:
        """The nodes that the indexer trusts, then those it found."""
        told = self._http.rpc("indexer_getShardedNodes")
        if not isinstance(told, dict):
            raise PeerUnavailable(f"{self._http.url} lists no nodes: is it an indexer?")
        return self._located((told.get("trusted") or []) + (told.get("discovered") or []))

    def holders(self, root: bytes) -> list[Located]:
        """Nodes that hold the file `root`; none when it is unknown."""
        return self._located(self._http.rpc("indexer_getFileLocations", to_hex(root)) or [])

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _located(self, told: Any) -> list[Located]:
        try:
            return [
                (str(each["url"]), Shard(int(each["config"]["shardId"]), int(each["config"]["numShard"])))
                for each in told
            ]
        except (TypeError, KeyError, ValueError) as error:
            raise PeerUnavailable(f"{self._http.url} describes its nodes in an unknown way") from error
