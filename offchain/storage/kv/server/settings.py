"""Settings of the key-value server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from offchain.errors import BadSettings
from offchain.protocol.encryption import Identity, Key, Opener
from offchain.runtime.shared_settings import ChainSettings, LogSettings
from offchain.runtime.units import Duration, Size, TextList


class KvSettings(ChainSettings, LogSettings):
    """What `zg storage kv serve` can be told."""

    worker: ClassVar[str] = "kv"

    flow: str = Field(description="address of the Flow contract")
    start_block: int | None = Field(
        None, ge=0, description="block to follow the flow from; the flow's own first block if left out"
    )
    nodes: TextList = Field((), description="public URLs of storage nodes that files are fetched from")
    indexer: str | None = Field(None, description="URL of an indexer that names storage nodes, instead of --nodes")
    streams: TextList = Field(
        (), description="ids of the streams to hold, as 0x and 64 hexadecimal digits; all if none"
    )
    data: Path = Field(Path("kv"), description="directory for the database and files that are being replayed")
    listen: str = Field("127.0.0.1:6789", description="public address, as host:port")
    listen_admin: str = Field("127.0.0.1:6790", description="address for admin_* calls; keep it on the loopback")
    admin_hosts: TextList = Field(
        (), description="names that admin_* calls may use for this machine, besides the loopback's"
    )
    patience: Duration = Field(
        3600.0,
        ge=0,
        description="time to wait for a file that no storage node has, before going on without it",
    )
    history: int = Field(10_000, ge=1, description="submissions of the flow for which old states can be proven")
    encryption_key: SecretStr | None = Field(None, description="key of encrypted streams, 64 hexadecimal digits")
    decryption_key: SecretStr | None = Field(
        None, description="private key that streams are encrypted for, 64 hexadecimal digits"
    )
    confirmations: int = Field(0, ge=0, description="blocks to stay behind the head of the chain")
    poll: Duration = Field(0.1, gt=0, description="time between looks at the chain")
    log_page: int = Field(1000, ge=1, description="most blocks to ask the chain for at once")
    node_timeout: Duration = Field(10.0, gt=0, description="time within which a storage node must answer")
    fetch_at_once: int = Field(8, ge=1, le=16, description="files that are fetched at once")
    max_body: Size = Field(1 << 20, ge=1 << 16, description="largest request; keys may be 16 MiB large in theory")
    max_requests: int = Field(256, ge=1, description="requests that are worked on at once")
    max_idle: Duration = Field(20.0, gt=0, description="time that a client may pause in the middle of a request")
    min_free_disk: Size = Field(1 << 30, ge=0, description="room that must be left on the disk at the start")

    @field_validator("streams")
    @classmethod
    def _are_ids(cls, streams: tuple[str, ...]) -> tuple[str, ...]:
        for stream in streams:
            if not re.fullmatch("0x[0-9a-fA-F]{64}", stream):
                raise ValueError(f"{stream!r} is no stream id: write 0x and 64 hexadecimal digits")
        return streams

    @property
    def held(self) -> frozenset[bytes] | None:
        """The streams to hold, None for all."""
        return frozenset(bytes.fromhex(stream[2:]) for stream in self.streams) or None

    @property
    def openers(self) -> list[Opener]:
        """Keys of encrypted streams; BadSettings for what is none."""
        found: list[Opener] = []
        if self.encryption_key is not None:
            found.append(Key(_key("encryption_key", self.encryption_key)))
        if self.decryption_key is not None:
            found.append(Identity(_key("decryption_key", self.decryption_key)))
        return found


def _key(name: str, secret: SecretStr) -> bytes:
    text = secret.get_secret_value().strip().removeprefix("0x")
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise BadSettings(f"{name} is not 64 hexadecimal digits")
    return bytes.fromhex(text)
