"""Settings that several workers have; a worker's class inherits the groups it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr

from offchain.errors import BadSettings
from offchain.runtime.settings import Settings, flag, variable
from offchain.runtime.units import Duration, Wei

if TYPE_CHECKING:
    from offchain.chain.account import Account
    from offchain.chain.client import ChainClient


class LogSettings(Settings):
    """How a worker talks."""

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least important lines to write"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="console for people, json for machines, auto for console on a terminal and json elsewhere"
    )


class ChainSettings(Settings):
    """Which chain, and how long to wait for it."""

    rpc: str = Field(description="address of the chain's JSON-RPC, as http:// or https:// URL")
    chain_id: int | None = Field(
        None, gt=0, description="chain that the RPC must answer for; whichever it is if left out"
    )
    rpc_timeout: Duration = Field(10.0, gt=0, description="time within which the RPC must answer one call")

    def client(self) -> ChainClient:
        """A client of this chain; connects at the first call."""
        from offchain.chain.client import ChainClient  # takes half a second, which `--help` need not wait for

        return ChainClient(self.rpc, self.chain_id, self.rpc_timeout)


class KeySettings(Settings):
    """The account that signs and pays."""

    keystore: Path | None = Field(None, description="encrypted keystore file (version 3) with the key that signs")
    keystore_password: SecretStr | None = Field(None, description="password of the keystore")
    private_key: SecretStr | None = Field(
        None, description="key that signs, 64 hexadecimal digits, instead of a keystore"
    )
    max_fee: Wei = Field(
        500 * 10**9, gt=0, description="most to pay for one gas; transactions wait while more is asked"
    )

    def account(self) -> Account:
        """The key; raises `BadSettings` that says how to provide it."""
        from offchain.chain.account import Account

        if self.private_key is not None:
            return Account.from_private_key(self.private_key.get_secret_value())
        if self.keystore is None:
            raise BadSettings(
                f"no key to sign with: set {flag('keystore')} and {variable(type(self), 'keystore_password')}, "
                f"or {variable(type(self), 'private_key')}"
            )
        if self.keystore_password is None:
            raise BadSettings(
                f"the keystore {self.keystore} needs its password: set {variable(type(self), 'keystore_password')}, "
                f"or {flag('keystore_password_file')}"
            )
        return Account.from_keystore(self.keystore, self.keystore_password.get_secret_value())
