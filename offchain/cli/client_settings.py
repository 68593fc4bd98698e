"""Which network a command speaks to, and who pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, Field, ValidationError

from offchain.errors import BadSettings
from offchain.runtime.settings import Settings, flag, variable
from offchain.runtime.shared_settings import KeySettings
from offchain.runtime.units import TextList
from offchain.storage.client.progress import Progress

if TYPE_CHECKING:
    from offchain.chain.account import Account
    from offchain.storage.client.api import StorageClient
    from offchain.storage.client.wallet import Wallet

DEVNET = Path(".devnet/network.json")
FIRST_USER = 3  # the development accounts before it are governor, guardian and treasury


class _Development(BaseModel):
    """An account that anybody may use."""

    key: str


class _Services(BaseModel):
    """What of the services concerns a client."""

    storage: tuple[str, ...] = ()
    indexer: str | None = None


class _Network(BaseModel):
    """What of network.json concerns a client; whatever else stands there is left to others."""

    rpc: str | None = None
    accounts: tuple[_Development, ...] = ()
    contracts: dict[str, str] = {}
    services: _Services = _Services()


@dataclass(frozen=True, slots=True)
class Described:
    """A network as its file describes it."""

    path: Path | None
    network: _Network
    is_named: bool = True
    """Whether the user chose it; otherwise it lies in the directory that they are in, which may be anybody's."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Public URLs of storage nodes."""
        return self.network.services.storage

    @property
    def indexer(self) -> str | None:
        """URL of the indexer."""
        return self.network.services.indexer

    @property
    def rpc(self) -> str | None:
        """RPC of the chain."""
        return self.network.rpc

    @property
    def flow(self) -> str | None:
        """Address of Flow."""
        return self.network.contracts.get("Flow")

    @property
    def has_accounts(self) -> bool:
        """Whether keys are published: only development networks do so."""
        return bool(self.network.accounts)

    def account(self, number: int) -> Account:
        """A development account; BadSettings when the network has none."""
        from offchain.chain.account import Account

        if self.path is None:
            raise BadSettings(f"{flag('devnet_account')} is an account of the network that {flag('network')} describes")
        accounts = self.network.accounts
        if number >= len(accounts):
            raise BadSettings(f"{self.path} describes {len(accounts)} accounts, there is no number {number}")
        return Account.from_private_key(accounts[number].key)

    def trusted(self, account: Account, **chosen: str | None) -> Account:
        """`account`, where the user chose who is paid: by this file, by naming all of `chosen`, or with a key of it.

        BadSettings otherwise: in a directory of a stranger, their file must not send a key of the user's own anywhere.
        """
        missing = [flag(name) for name, value in chosen.items() if value is None]
        if self.is_named or not missing or self._publishes(account):
            return account
        raise BadSettings(
            f"{self.path} lies in this directory, and would choose where {account.address} signs and whom it pays: if "
            f"you trust it, set {flag('network')} {self.path}, else {' and '.join(missing)}"
        )

    def _publishes(self, account: Account) -> bool:
        return any(self.account(number).address == account.address for number in range(len(self.network.accounts)))


class NetworkSettings(Settings):
    """Which network is meant."""

    worker: ClassVar[str] = "client"

    network: Path | None = Field(None, description="file that describes the network, such as .devnet/network.json")

    def described(self) -> Described:
        """The network's file: the one named, else that of a development network in this directory."""
        path = self.network or (DEVNET if DEVNET.is_file() else None)
        if path is None:
            return Described(None, _Network())
        try:
            return Described(path, _Network.model_validate_json(path.read_bytes()), self.network is not None)
        except OSError as error:
            raise BadSettings(f"the network's description {path} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "".join(f"{part}: " for part in first["loc"])
            raise BadSettings(f"the network's description {path} cannot be used: {place}{first['msg']}") from None


class ReadSettings(NetworkSettings):
    """What reading needs."""

    worker: ClassVar[str] = "client"

    nodes: TextList = Field((), description="public URLs of storage nodes, instead of the network's")
    indexer: str | None = Field(None, description="URL of an indexer, instead of the network's")

    def places(self) -> tuple[tuple[str, ...], str | None]:
        """Nodes and indexer to use; BadSettings when there are none."""
        described = self.described()
        if self.nodes or self.indexer:
            return self.nodes, self.indexer
        if not described.nodes and not described.indexer:
            raise BadSettings(
                f"no network is known: start one with `make devnet`, or set {flag('network')}, {flag('indexer')} or "
                f"{flag('nodes')} (or {variable(type(self), 'network')})"
            )
        return (), described.indexer or None

    def reader(self, progress: Progress) -> StorageClient:
        """A client that reads."""
        from offchain.storage.client.api import StorageClient  # takes two seconds, which `--help` need not wait for

        nodes, indexer = self.places()
        return StorageClient(nodes or (() if indexer else self.described().nodes), indexer, progress=progress)


class AccountSettings(NetworkSettings, KeySettings):
    """What sending from an account needs."""

    worker: ClassVar[str] = "client"

    rpc: str | None = Field(None, description="RPC of the chain, instead of the network's")
    devnet_account: int | None = Field(None, ge=0, description="number of the development account that pays")

    def wallet(self, say: Callable[[str], None]) -> Wallet:
        """The account with its journal; `say` is told when another process has to be waited for."""
        from offchain.chain.client import ChainClient
        from offchain.chain.sender import SendPolicy
        from offchain.storage.client.wallet import Wallet, default_state

        described = self.described()
        rpc = self.rpc or described.rpc
        if rpc is None:
            raise BadSettings(f"no chain is known: set {flag('rpc')}, or {flag('network')}")
        policy = SendPolicy(max_fee=self.max_fee)
        return Wallet(ChainClient(rpc), self._payer(described), default_state(), policy=policy, say=say)

    def _payer(self, described: Described) -> Account:
        if self.devnet_account is not None:
            return described.account(self.devnet_account)
        if self.private_key is None and self.keystore is None and described.has_accounts:
            return described.account(FIRST_USER)
        return described.trusted(self.account(), **self._chosen())

    def _chosen(self) -> dict[str, str | None]:
        """The settings that say where is signed and who is paid, by name."""
        return {"rpc": self.rpc}


class PaySettings(ReadSettings, AccountSettings):
    """What paying needs besides."""

    worker: ClassVar[str] = "client"

    flow: str | None = Field(None, description="address of Flow, the contract that is paid, instead of the network's")

    def _chosen(self) -> dict[str, str | None]:
        return {"rpc": self.rpc, "flow": self.flow}

    def paid_flow(self) -> str:
        """Address of Flow; BadSettings when nobody but nodes could tell it."""
        flow = self.flow or self.described().flow
        if flow is None:
            raise BadSettings(f"it is not known who is to be paid: set {flag('flow')}, or {flag('network')}")
        return flow

    def writer(self, progress: Progress) -> StorageClient:
        """A client that reads and writes."""
        from offchain.chain.sender import SendPolicy
        from offchain.storage.client.api import StorageClient

        described = self.described()
        rpc = self.rpc or described.rpc
        if rpc is None:
            raise BadSettings(f"uploading needs a chain: set {flag('rpc')}, or {flag('network')}")
        nodes, indexer = self.places()
        return StorageClient(
            nodes or (() if indexer else described.nodes),
            indexer,
            rpc,
            self._payer(described),
            flow=self.paid_flow(),
            policy=SendPolicy(max_fee=self.max_fee),
            progress=progress,
        )
