"""Which miner a command is about, and who pays."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from offchain.cli.client_settings import FIRST_USER, Described, ReadSettings
from offchain.errors import BadSettings, NotFound
from offchain.runtime.settings import Settings, flag
from offchain.runtime.shared_settings import KeySettings

if TYPE_CHECKING:
    from offchain.chain.account import Account
    from offchain.chain.client import ChainClient
    from offchain.chain.contracts.mine import MineContract
    from offchain.storage.miner.purse import Purse


@dataclass(frozen=True, slots=True)
class Place:
    """A mine on a chain."""

    client: ChainClient
    mine: MineContract


class MineSettings(Settings):
    """What looking at a mine needs."""

    worker: ClassVar[str] = "client"

    network: Path | None = Field(None, description="file that describes the network, such as .devnet/network.json")
    rpc: str | None = Field(None, description="RPC of the chain, instead of the network's")
    mine: str | None = Field(None, description="address of the PoraMine contract, instead of the network's")
    data: Path = Field(Path("storage-miner"), description="the miner's data directory, where its id is kept")
    miner_id: str | None = Field(
        None, description="another miner than that of the data directory, as 0x and 64 hexadecimal digits"
    )

    @field_validator("miner_id")
    @classmethod
    def _is_id(cls, miner_id: str | None) -> str | None:
        if miner_id is not None and not re.fullmatch("0x[0-9a-fA-F]{64}", miner_id):
            raise ValueError("write 0x and 64 hexadecimal digits")
        return miner_id

    def described(self) -> Described:
        """The network's file."""
        return ReadSettings.model_validate({"network": self.network}).described()

    def place(self) -> Place:
        """The mine; BadSettings when none is known."""
        from offchain.chain.client import ChainClient
        from offchain.chain.contracts.mine import MineContract

        described = self.described()
        rpc, address = self.rpc or described.rpc, self.mine or described.network.contracts.get("PoraMine")
        if rpc is None or address is None:
            missing = flag("rpc") if rpc is None else flag("mine")
            raise BadSettings(f"no mine is known: set {missing}, or {flag('network')}")
        client = ChainClient(rpc)
        return Place(client, MineContract(client, address))

    def id(self, place: Place) -> bytes:
        """The miner that is meant; NotFound when there is none."""
        from offchain.storage.miner.identity import read_id

        if self.miner_id is not None:
            return bytes.fromhex(self.miner_id[2:])
        registered = read_id(self.data)
        if registered is None:
            raise NotFound(f"no miner id is kept in {self.data}: make one with `zg storage miner register`")
        if (registered.chain_id, registered.mine) != (place.client.check(), place.mine.address):
            raise BadSettings(f"the miner id in {self.data} is of {registered.mine} on chain {registered.chain_id}")
        return registered.miner_id


class MinePaySettings(MineSettings, KeySettings):
    """What sending transactions needs besides."""

    worker: ClassVar[str] = "client"

    devnet_account: int | None = Field(None, ge=0, description="number of the development account that pays")

    def payer(self) -> Account:
        """The account that signs."""
        described = self.described()
        if self.devnet_account is not None:
            return described.account(self.devnet_account)
        if self.private_key is None and self.keystore is None and described.has_accounts:
            return described.account(FIRST_USER)
        return described.trusted(self.account(), rpc=self.rpc, mine=self.mine)

    def purse(self, place: Place, account: Account, say: Callable[[str], None]) -> Purse:
        """What pays from `account`."""
        from offchain.chain.sender import SendPolicy
        from offchain.storage.client.wallet import default_state
        from offchain.storage.miner.purse import Purse

        policy = SendPolicy(max_fee=self.max_fee)
        return Purse(place.client, account, default_state(), policy=policy, say=say)
