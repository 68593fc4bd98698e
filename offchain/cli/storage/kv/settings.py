"""Which servers a command asks, and who has to agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offchain.cli.client_settings import PaySettings, ReadSettings
from offchain.cli.encryption_settings import DecryptSettings, EncryptSettings
from offchain.errors import BadSettings
from offchain.runtime.settings import flag, variable
from offchain.runtime.units import Duration, TextList

if TYPE_CHECKING:
    from offchain.storage.kv.client.api import KvClient


class ServerSettings(ReadSettings):
    """What asking servers needs."""

    worker: ClassVar[str] = "client"

    servers: TextList = Field((), description="URLs of key-value servers, instead of the network's")
    quorum: int | None = Field(
        None, ge=1, description="servers that have to agree about an answer; two where there are two or more"
    )
    unproven: bool = Field(False, description="believe the first server, as those without proofs need it")
    patience: Duration = Field(60.0, ge=0, description="time to wait for servers that are behind")

    def urls(self) -> tuple[str, ...]:
        """The servers to ask; BadSettings when there are none."""
        found = self.servers or _of_network(self.described().path)
        if not found:
            raise BadSettings(
                f"no key-value server is known: start one with `zg storage kv serve`, and set {flag('servers')} (or "
                f"{variable(type(self), 'servers')})"
            )
        return found


class KvReadSettings(ServerSettings, DecryptSettings):
    """What reading streams needs."""

    rpc: str | None = Field(
        None, description="RPC of the chain, to see how far servers are behind, instead of the network's"
    )
    flow: str | None = Field(None, description="address of Flow that servers have to follow, instead of the network's")

    def client(self) -> KvClient:
        """A client that reads."""
        from offchain.storage.kv.client.api import KvClient  # takes two seconds, which `--help` need not wait for

        described = self.described()
        return KvClient(
            self.urls(),
            self.nodes or (() if self.indexer else described.nodes),
            self.indexer or (None if self.nodes else described.indexer),
            self.rpc or described.rpc,
            flow=self.flow or described.flow,
            quorum=self.quorum,
            unproven=self.unproven,
            openers=self.openers(),
            patience=self.patience,
        )


class KvPaySettings(ServerSettings, PaySettings, EncryptSettings):
    """What writing to streams needs."""

    def payer(self, replicas: int = 1, public: bool = False) -> KvClient:
        """A client that reads and writes."""
        from offchain.chain.sender import SendPolicy
        from offchain.storage.kv.client.api import KvClient

        described = self.described()
        nodes, indexer = self.places()
        rpc = self.rpc or described.rpc
        if rpc is None:
            raise BadSettings(f"writing needs a chain: set {flag('rpc')}, or {flag('network')}")
        return KvClient(
            self.urls(),
            nodes or (() if indexer else described.nodes),
            indexer,
            rpc,
            self._payer(described),
            flow=self.paid_flow(),
            quorum=self.quorum,
            unproven=self.unproven,
            replicas=replicas,
            encryption=self.encryption(public),
            policy=SendPolicy(max_fee=self.max_fee),
            patience=self.patience,
        )


def _of_network(path: Path | None) -> tuple[str, ...]:
    """The servers that a network's file names: `services.kv` is a URL or a list of them."""
    if path is None:
        return ()
    try:
        services = json.loads(path.read_bytes()).get("services", {})
        told = services.get("kv") or ()
        return (told,) if isinstance(told, str) else tuple(str(url) for url in told)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BadSettings(f"the network's description {path} cannot be used: {error}") from error
