"""A chain of one's own: anvil on a free port, and contracts deployed on it through web3."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import click
from web3 import Web3
from web3.contract import Contract
from web3.types import RPCEndpoint

from scripts._lib.abis import contract_paths, export

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds
GAS_LIMIT = 16_000_000


def binary() -> str:
    """The anvil binary itself, so that the pid is the chain's: the npm entry is a Node wrapper."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil*"))
    if not found:
        raise click.ClickException("anvil is missing: run `make setup`")
    return str(found[0])


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def chain(*options: str) -> Iterator[LocalChain]:
    """An anvil that lives as long as the context."""
    port = free_port()
    process = subprocess.Popen([binary(), "--port", str(port), "--silent", *options], stdin=subprocess.DEVNULL)
    try:
        local = LocalChain(f"http://127.0.0.1:{port}")
        local.wait()
        yield local
    finally:
        process.terminate()
        process.wait()


class LocalChain:
    """A chain that mines each transaction at once; its first account sends them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.web3 = Web3(Web3.HTTPProvider(url))

    def wait(self) -> None:
        """Return when the chain answers."""
        deadline = time.monotonic() + PATIENCE
        while not self.web3.is_connected():
            if time.monotonic() > deadline:
                raise click.ClickException(f"anvil at {self.url} does not answer")
            time.sleep(0.02)

    @property
    def sender(self) -> str:
        """Who sends."""
        return str(self.web3.eth.accounts[0])

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Deploy the contract called `name`."""
        abi, bytecode = artefact(name)
        constructor = self.web3.eth.contract(abi=abi, bytecode=bytecode).constructor(*arguments)
        receipt = self._mined(constructor.transact({"from": self.sender, "gas": GAS_LIMIT}))
        contract: Contract = self.web3.eth.contract(receipt["contractAddress"], abi=abi)
        return contract

    def send(self, function: Any, **options: Any) -> int:
        """Gas that calling `function` used; its reason is raised when it reverts."""
        settings = {"from": self.sender, "gas": GAS_LIMIT, **options}
        receipt = self._mined(function.transact(settings))
        if receipt["status"] != 1:
            function.call(settings)
        gas: int = receipt["gasUsed"]
        return gas

    def mine(self, blocks: int) -> None:
        """Let `blocks` pass."""
        self.web3.provider.make_request(RPCEndpoint("anvil_mine"), [hex(blocks)])

    def wait_for(self, seconds: int) -> None:
        """Let the next block come `seconds` later."""
        self.web3.provider.make_request(RPCEndpoint("evm_increaseTime"), [hex(seconds)])

    def impersonate(self, account: str) -> None:
        """Let transactions of `account` be sent without its key, and pay for them."""
        self.web3.provider.make_request(RPCEndpoint("anvil_impersonateAccount"), [account])
        self.web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [account, hex(10**20)])

    def set_storage(self, contract: str, slot: int, word: int) -> None:
        """Put `word` into a slot of a contract."""
        written = ["0x" + number.to_bytes(32, "big").hex() for number in (slot, word)]
        self.web3.provider.make_request(RPCEndpoint("anvil_setStorageAt"), [contract, *written])

    def _mined(self, transaction: Any) -> Any:
        return self.web3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.01)


@cache
def artefact(name: str) -> tuple[Sequence[Any], bytes]:
    """ABI and creation code of the contract called `name`."""
    import boa

    path = next(each for each in contract_paths() if each.stem == name)
    return _abis()[name], bytes(boa.load_partial(str(path)).compiler_data.bytecode)


@cache
def _abis() -> dict[str, Any]:
    return export()
