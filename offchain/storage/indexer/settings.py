"""Settings of the indexer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offchain.runtime.shared_settings import LogSettings
from offchain.runtime.units import Duration, Size, TextList

if TYPE_CHECKING:
    from offchain.net.http_server import Limits


class IndexerSettings(LogSettings):
    """What `zg storage indexer` can be told."""

    worker: ClassVar[str] = "storage_indexer"

    nodes: TextList = Field(description="public URLs of the storage nodes to list")
    flow: str = Field("", description="address of the Flow contract that they follow; without it, that of most")
    listen: str = Field("127.0.0.1:12345", description="public address, as host:port")
    proxies: TextList = Field((), description="addresses of reverse proxies, whose X-Forwarded-For is believed")
    check_every: Duration = Field(5.0, gt=0, description="time between looks at every node")
    node_timeout: Duration = Field(5.0, gt=0, description="time within which a node must answer")
    max_lag: int = Field(50, ge=0, description="blocks that a listed node may be behind the middle one")
    cache_for: Duration = Field(10.0, ge=0, description="time that the holders of a file are remembered")
    max_body: Size = Field(1 << 20, ge=1 << 16, description="largest request")
    max_requests: int = Field(256, ge=1, description="requests that are worked on at once")
    max_per_address: int = Field(32, ge=1, description="of these for one remote address, or one IPv6 network")
    max_idle: Duration = Field(20.0, gt=0, description="time that a client may pause in the middle of a request")
    min_rate: Size = Field(1024, ge=1, description="bytes per second that a client must send or read")
    max_download: Size = Field(
        100 << 20, ge=1, description="most that one download by REST sends; ranges may be asked for"
    )
    max_downloads: int = Field(16, ge=1, description="downloads by REST at once")

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
            proxies=self.proxies,
        )
