"""The administrative JSON-RPC methods `admin_*`, on the loopback interface only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from offchain.errors import Invalid, NotFound, PeerUnavailable, RemoteRefused
from offchain.net.jsonrpc import INTERNAL_ERROR, RpcError
from offchain.net.parameters import U64, Flag
from offchain.protocol.shards import Shard, select
from offchain.runtime.threads import in_thread
from offchain.storage.client.node import NodeClient
from offchain.storage.node.catalog import Catalog
from offchain.storage.node.peers import Peer, Peers
from offchain.storage.node.scrub import Scrub
from offchain.storage.node.sync import Fetch, Sync
from offchain.storage.node.zgs_api import Method

AGENT = "zg-storage"


class AdminApi:
    """Commands for the operator of the node."""

    def __init__(
        self,
        node_id: str,
        listens: Callable[[], list[str]],
        catalog: Catalog,
        sync: Sync,
        scrub: Scrub,
        peers: Peers,
        measured: Callable[[], Mapping[str, float]],
        shut_down: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        """`measured` gives the metrics by name, `now` the clock that fetches are timed with."""
        self._node_id = node_id
        self._listens = listens
        self._catalog = catalog
        self._sync = sync
        self._scrub = scrub
        self._peers = peers
        self._measured = measured
        self._shut_down = shut_down
        self._now = now

    @property
    def methods(self) -> Mapping[str, Method]:
        """Methods by name."""
        return {
            "admin_findFile": self.find_file,
            "admin_shutdown": self.shutdown,
            "admin_startSyncFile": self.start_sync_file,
            "admin_startSyncChunks": self.start_sync_chunks,
            "admin_terminateSync": self.terminate_sync,
            "admin_getSyncServiceState": self.get_sync_service_state,
            "admin_getSyncStatus": self.get_sync_status,
            "admin_getSyncInfo": self.get_sync_info,
            "admin_getNetworkInfo": self.get_network_info,
            "admin_getPeers": self.get_peers,
            "admin_getFileLocation": self.get_file_location,
            "admin_getMetrics": self.get_metrics,
            "admin_checkFile": self.check_file,
        }

    async def find_file(self, tx_seq: U64) -> None:
        """Ask the peers for a file; `admin_getFileLocation` tells who has it."""
        await in_thread(self._holders, tx_seq)

    async def shutdown(self) -> None:
        """End the node in an orderly way."""
        self._shut_down()

    async def start_sync_file(self, tx_seq: U64) -> None:
        """Fetch a file from peers."""
        await in_thread(self._start, tx_seq, 0, None)

    async def start_sync_chunks(self, tx_seq: U64, start_index: U64, end_index: U64) -> None:
        """Fetch sectors [start, end) of a file from peers."""
        await in_thread(self._start, tx_seq, start_index, end_index)

    async def terminate_sync(self, tx_seq: U64) -> bool:
        """Stop fetching a file; whether it was fetched."""
        return self._sync.terminate(tx_seq)

    async def get_sync_service_state(self) -> dict[str, Any]:
        """What is fetched, and whether that happens by itself."""
        running = sum(fetch.running for fetch in self._sync.fetches())
        automatic = "enabled" if self._sync.automatic else "disabled"
        return {
            "numSyncing": running,
            "catchedUp": self._catalog.unfinished_count() == 0,
            "autoSyncSerial": automatic,
            "autoSyncRandom": automatic,
        }

    async def get_sync_status(self, tx_seq: U64) -> str:
        """State of a fetch, "unknown" when there is none."""
        fetch = self._sync.fetch_of(tx_seq)
        return fetch.state if fetch else "unknown"

    async def get_sync_info(self, tx_seq: U64 | None = None) -> dict[str, Any]:
        """Fetches by sequence number."""
        fetches = self._sync.fetches()
        return {str(fetch.seq): self._shown(fetch) for fetch in fetches if tx_seq in (None, fetch.seq)}

    async def get_network_info(self) -> dict[str, Any]:
        """This node and how many peers it has."""
        peers, connected = self._peers.all(), self._peers.connected()
        return {
            "peerId": self._node_id,
            "listenAddresses": self._listens(),
            "totalPeers": len(peers),
            "bannedPeers": 0,
            "disconnectedPeers": len(peers) - len(connected),
            "connectedPeers": len(connected),
            "connectedOutgoingPeers": len(connected),
            "connectedIncomingPeers": 0,
        }

    async def get_peers(self) -> dict[str, Any]:
        """Peers by their id."""
        return {peer.id: _peer(peer) for peer in self._peers.all()}

    async def get_file_location(self, tx_seq: U64, all_shards: Flag = False) -> list[dict[str, Any]] | None:
        """Peers that hold a file; with `all_shards` only if together they hold all of it."""
        holders = await in_thread(self._holders, tx_seq)
        if not holders or (all_shards and not _cover_everything([peer.shard for peer in holders])):
            return None
        return [{"ip": urlsplit(peer.url).netloc, "shardConfig": _shard(peer.shard)} for peer in holders]

    async def get_metrics(self, prefix: str | None = None) -> dict[str, str]:
        """Metrics as text, by name."""
        measured = self._measured()
        return {name: str(value) for name, value in measured.items() if name.startswith(prefix or "")}

    async def check_file(self, tx_seq: U64) -> dict[str, int] | None:
        """Compare all that is stored of a file with its roots; what is damaged is fetched again. Not in other nodes."""
        entry = self._catalog.entry(tx_seq)
        return None if entry is None else await in_thread(self._scrub.check_all, entry)

    def _start(self, seq: int, first: int, end: int | None) -> None:
        try:
            self._sync.start(seq, first, end)
        except (NotFound, Invalid) as error:
            raise RpcError(INTERNAL_ERROR, "Internal error", str(error)) from error

    def _holders(self, seq: int) -> list[Peer]:
        entry = self._catalog.entry(seq)
        if entry is None:
            return []
        return [peer for peer in self._peers.connected() if _holds(peer.client, seq)]

    def _shown(self, fetch: Fetch) -> dict[str, Any]:
        ended = fetch.ended if fetch.ended is not None else self._now()
        return {
            "elapsedSecs": int(ended - fetch.started),
            "peers": dict(fetch.peers),
            "goal": {"numChunks": fetch.end - fetch.first, "indexStart": fetch.first, "indexEnd": fetch.end},
            "next_chunks": fetch.next,
            "state": fetch.state,
        }


def _holds(client: NodeClient, seq: int) -> bool:
    try:
        info = client.file_by_seq(seq)
    except (PeerUnavailable, RemoteRefused):
        return False
    return info is not None and info.finalized


def _cover_everything(shards: list[Shard]) -> bool:
    return select(list(enumerate(shards)), 1) is not None


def _shard(shard: Shard) -> dict[str, int]:
    return {"shardId": shard.number, "numShard": shard.count}


def _peer(peer: Peer) -> dict[str, Any]:
    status = "connected" if peer.connected else "disconnected"
    return {
        "client": {"version": "", "os": "", "protocol": "http", "agent": AGENT},
        "connectionStatus": {
            "status": status,
            "connectionsIn": 0,
            "connectionsOut": int(peer.connected),
            "lastSeenSecs": int(peer.last_seen),
        },
        "listeningAddresses": [peer.url],
        "seenIps": [urlsplit(peer.url).hostname or ""],
        "isTrusted": True,
        "connectionDirection": "Outgoing" if peer.connected else None,
        "enr": None,
    }
