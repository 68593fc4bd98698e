"""The indexer as its clients see it: which nodes there are, and which hold a file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from offchain.errors import PeerUnavailable
from offchain.net.http_client import HttpClient
from offchain.protocol.shards import Shard
from offchain.storage.wire import number, to_hex

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
        return [each for kind in ("trusted", "discovered") for each in self._located(told.get(kind))]

    def holders(self, root: bytes) -> list[Located]:
        """Nodes that hold the file `root`; none when it is unknown."""
        return self._located(self._http.rpc("indexer_getFileLocations", to_hex(root)))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _located(self, told: Any) -> list[Located]:
        try:
            return [
                (_url(each["url"]), Shard(number(each["config"]["shardId"]), number(each["config"]["numShard"])))
                for each in _list(told)
            ]
        except (TypeError, KeyError, ValueError) as error:
            raise PeerUnavailable(f"{self._http.url} describes its nodes in an unknown way") from error


def _list(told: Any) -> list[Any]:
    """A list, empty for null; ValueError for anything else."""
    if told is not None and not isinstance(told, list):
        raise ValueError("a list was expected")
    return told or []


def _url(told: Any) -> str:
    """An address that can be asked; ValueError for anything else."""
    if not isinstance(told, str) or not urlsplit(told).hostname or not told.encode():
        raise ValueError(f"{told!r} is no address")
    return told
