"""Settings of the miner."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from offchain.protocol.recall import LOAD_SECTORS
from offchain.protocol.shards import MAX_SHARDS, Shard
from offchain.runtime.shared_settings import ChainSettings, KeySettings, LogSettings
from offchain.runtime.units import Duration, Size, TextList, Wei
from offchain.storage.miner.holding import Holding


class MinerSettings(ChainSettings, LogSettings, KeySettings):
    """What `zg storage mine` can be told."""

    worker: ClassVar[str] = "storage_miner"

    mine: str = Field(description="address of the PoraMine contract; flow and reward follow from it")
    minimum_balance: Wei = Field(10**16, ge=0, description="least that the account must hold at the start")
    miner_id: str | None = Field(
        None, description="who mines, as 0x and 64 hexadecimal digits; what `miner register` left in the data directory"
    )
    nodes: TextList = Field((), description="public URLs of storage nodes that data is fetched from")
    indexer: str | None = Field(None, description="URL of an indexer that names storage nodes, instead of --nodes")
    data: Path = Field(Path("storage-miner"), description="directory for sealed data and the database")
    shard_id: int = Field(0, ge=0, description="which part of the flow to hold, counted from 0")
    num_shards: int = Field(1, ge=1, le=MAX_SHARDS, description="parts the flow is divided into, a power of two")
    first_sector: int = Field(
        0, ge=0, multiple_of=LOAD_SECTORS, description="where in a flow of more than 8 TiB a part to hold from there on"
    )
    threads: int = Field(0, ge=0, description="threads that mine; as many as there are cores if 0")
    cpu_share: int = Field(100, ge=1, le=100, description="percent of these threads' time to use, sealing included")
    read_rate: Size = Field(0, ge=0, description="most bytes per second to read while mining, 0 for no limit")
    check_every: int = Field(
        16, ge=1, description="one of so many loads that are read is compared with its checksum; 1 for all"
    )
    fetch_at_once: int = Field(4, ge=1, le=16, description="runs of 16 segments that are fetched and sealed at once")
    min_reward: Wei = Field(0, ge=0, description="answers that would earn less are not sent")
    withdraw_above: Wei | None = Field(
        None, gt=0, description="rewards are sent to the beneficiary once so much is owed; never if left out"
    )
    open_epochs: bool = Field(
        True, description="pay for opening an epoch when nobody else does and data waits for it to be sealed"
    )
    poll: Duration = Field(1.0, gt=0, description="time between looks at the chain")
    start_block: int | None = Field(
        None, ge=0, description="block to follow the flow from; the flow's own first block if left out"
    )
    confirmations: int = Field(0, ge=0, description="blocks to stay behind the head of the chain")
    log_page: int = Field(1000, ge=1, description="most blocks to ask the chain for at once")
    node_timeout: Duration = Field(10.0, gt=0, description="time within which a storage node must answer")
    listen: str = Field("127.0.0.1:5680", description="address of /health and /metrics, as host:port")
    min_free_disk: Size = Field(1 << 30, ge=0, description="sealing waits when less room would be left on the disk")

    @field_validator("miner_id")
    @classmethod
    def _is_id(cls, miner_id: str | None) -> str | None:
        if miner_id is not None and not re.fullmatch("0x[0-9a-fA-F]{64}", miner_id):
            raise ValueError("write 0x and 64 hexadecimal digits")
        return miner_id

    @property
    def holding(self) -> Holding:
        """The part of the flow to hold; Invalid when the numbers do not fit."""
        return Holding(Shard(self.shard_id, self.num_shards), self.first_sector)
