"""Settings of the storage node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offchain.protocol.shards import MAX_SHARDS, Shard
from offchain.runtime.shared_settings import ChainSettings, LogSettings
from offchain.runtime.units import Duration, Size, TextList

if TYPE_CHECKING:
    from offchain.net.http_server import Limits


class NodeSettings(ChainSettings, LogSettings):
    """What `zg storage node` can be told."""

    worker: ClassVar[str] = "storage_node"

    flow: str = Field(description="address of the Flow contract")
    start_block: int | None = Field(
        None, ge=0, description="block to follow the flow from; the flow's own first block if left out"
    )
    data: Path = Field(Path("storage-node"), description="directory for files and databases")
    listen: str = Field("127.0.0.1:5678", description="public address, as host:port")
    listen_admin: str = Field("127.0.0.1:5679", description="address for admin_* calls; keep it on the loopback")
    admin_hosts: TextList = Field(
        (), description="names that admin_* calls may use for this machine, besides the loopback's"
    )
    proxies: TextList = Field((), description="addresses of reverse proxies, whose X-Forwarded-For is believed")
    peers: TextList = Field((), description="public URLs of other nodes of the same flow")
    shard_id: int = Field(0, ge=0, description="which part of the flow to hold, counted from 0")
    num_shards: int = Field(1, ge=1, le=MAX_SHARDS, description="parts the flow is divided into, a power of two")
    auto_sync: bool = Field(False, description="fetch every file from peers, not only those asked for")
    confirmations: int = Field(0, ge=0, description="blocks to stay behind the head of the chain")
    poll: Duration = Field(0.5, gt=0, description="time between looks at the chain")
    log_page: int = Field(1000, ge=1, description="most blocks to ask the chain for at once")
    max_body: Size = Field(100 << 20, ge=1 << 20, description="largest JSON-RPC request")
    max_bodies: Size = Field(
        256 << 20, ge=1 << 20, description="requests and answers in memory at once, never less than the largest"
    )
    max_requests: int = Field(128, ge=1, description="requests that are worked on at once")
    max_per_address: int = Field(32, ge=1, description="of these for one remote address, or one IPv6 network")
    max_idle: Duration = Field(20.0, gt=0, description="time that a client may pause in the middle of a request")
    min_rate: Size = Field(1024, ge=1, description="bytes per second that a client must send or read")
    max_writing: int = Field(64, ge=1, description="segments that are written at once")
    pool: Size = Field(1 << 30, ge=0, description="room for files whose transaction is not there yet")
    pool_share: Size = Field(128 << 20, ge=0, description="of this for one remote address")
    pool_patience: Duration = Field(300.0, gt=0, description="time that such files wait for their transaction")
    min_free_disk: Size = Field(1 << 30, ge=0, description="uploads are refused when less room is left on the disk")
    verify_reads: bool = Field(True, description="compare what is read from disk with its root before sending it")
    scrub_rate: Size = Field(16 << 20, ge=0, description="bytes per second to check in the background, 0 for none")

    @property
    def limits(self) -> Limits:
        """What strangers may take."""
        from offchain.net.http_server import Limits  # takes half a second, which `--help` need not wait for

        return Limits(
            self.max_body,
            self.max_requests,
            max_idle=self.max_idle,
            max_per_address=self.max_per_address,
            min_rate=self.min_rate,
            max_bodies=self.max_bodies,
            proxies=self.proxies,
        )

    @property
    def shard(self) -> Shard:
        """The part of the flow to hold; Invalid when the numbers do not fit."""
        return Shard(self.shard_id, self.num_shards)
