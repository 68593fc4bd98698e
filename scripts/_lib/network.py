"""The development network: a chain, the contracts, the workers. `make devnet` and `make demo` bring it up."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from eth_account import Account

from scripts._lib.anvil import binary, free_port
from scripts._lib.processes import Services, get, rpc

ROOT = Path(__file__).resolve().parents[2]
MNEMONIC = "test test test test test test test test test test test junk"
CHAIN_ID = 31337
ACCOUNTS = 10
BLOCK_SECONDS = 1
PYTHON = sys.executable
STORAGE_NODES = 2

Say = Callable[[str], None]


@dataclass(frozen=True)
class Ports:
    """Where services listen; each is replaced by a free port when it is taken, the chain's excepted."""

    chain: int = 0
    storage: int = 5678
    indexer: int = 12345
    kv: int = 6789

    @classmethod
    def any(cls) -> Ports:
        """Free ports for everything."""
        return cls(0, 0, 0, 0)


@dataclass
class Network:
    """What runs, and how others find it."""

    services: Services
    rpc: str = ""
    contracts: dict[str, str] = field(default_factory=dict)
    storage: list[str] = field(default_factory=list)
    storage_admin: list[str] = field(default_factory=list)
    indexer: str = ""
    kv: str = ""
    kv_admin: str = ""
    start_block: int = 0

    def describe(self) -> dict[str, Any]:
        """The content of network.json."""
        return {
            "rpc": self.rpc,
            "chainId": CHAIN_ID,
            "accounts": [_account(index) for index in range(ACCOUNTS)],
            "contracts": self.contracts,
            "services": {
                "storage": self.storage,
                "storage_admin": self.storage_admin,
                "indexer": self.indexer,
                "kv": self.kv,
                "kv_admin": self.kv_admin,
            },
        }

    def data(self, name: str) -> Path:
        """Data directory of the service called `name`."""
        return self.services.folder / "data" / name


def bring_up(
    services: Services,
    ports: Ports,
    say: Say,
    node_options: Mapping[int, list[str]] | None = None,
    storage_nodes: int = STORAGE_NODES,
) -> Network:
    """Chain, contracts, storage nodes, indexer, key-value server, in this order. The caller stops `services`."""
    network = Network(services)
    _start_chain(network, ports.chain, say)
    _deploy(network, say)
    for number in range(storage_nodes):
        network.storage.append(f"http://127.0.0.1:{_port(ports.storage, 2 * number)}")
        network.storage_admin.append(f"http://127.0.0.1:{_port(ports.storage, 2 * number + 1)}")
    for number in range(storage_nodes):
        say(f"starting {node_name(number)} at {network.storage[number]}")
        start_node(network, number, (node_options or {}).get(number, []))
    _start_indexer(network, ports.indexer, say)
    network.kv, network.kv_admin = (f"http://127.0.0.1:{_port(ports.kv, offset)}" for offset in (0, 1))
    say(f"starting the key-value server at {network.kv}")
    start_kv(network)
    return network


def start_node(network: Network, number: int, options: list[str]) -> None:
    """Start storage node `number` again where it was, with its data."""
    public, admin = network.storage[number], network.storage_admin[number]
    name = node_name(number)
    peers = [url for url in network.storage if url != public]
    command = [PYTHON, "-m", "offchain.storage.node", "--rpc", network.rpc, "--flow", network.contracts["Flow"]]
    command += ["--data", str(network.data(name)), "--listen", public.removeprefix("http://")]
    command += ["--listen-admin", admin.removeprefix("http://"), "--min-free-disk", "0", *options]
    command += ["--peers", ",".join(peers)] if peers else []
    child = network.services.start(name, command)
    network.services.wait(name, child, lambda: get(f"{public}/health"))


def start_kv(network: Network) -> None:
    """Start the key-value server, or start it again where it was, with its data."""
    command = [PYTHON, "-m", "offchain.storage.kv.server", "--rpc", network.rpc, "--flow", network.contracts["Flow"]]
    command += ["--nodes", ",".join(network.storage), "--data", str(network.data("kv")), "--min-free-disk", "0"]
    command += ["--listen", network.kv.removeprefix("http://")]
    command += ["--listen-admin", network.kv_admin.removeprefix("http://")]
    child = network.services.start("kv", command)
    network.services.wait("kv", child, lambda: get(f"{network.kv}/health"))


def node_name(number: int) -> str:
    """What the processes call storage node `number`."""
    return f"storage-{number + 1}"


def _start_chain(network: Network, port: int, say: Say) -> None:
    port = port or free_port()
    if _taken(port):
        raise click.ClickException(f"port {port} is in use; choose another with PORT=… (0 for a free one)")
    network.rpc = f"http://127.0.0.1:{port}"
    say(f"starting a chain at {network.rpc}")
    command = [binary(), "--port", str(port), "--chain-id", str(CHAIN_ID), "--mnemonic", MNEMONIC, "--silent"]
    chain = network.services.start("anvil", command)
    network.services.wait("anvil", chain, lambda: rpc(network.rpc, "eth_chainId"))


def _deploy(network: Network, say: Say) -> None:
    """Deploy while the chain mines at once: Ape's foundry provider refuses one that mines by the clock."""
    say("compiling and deploying the contracts")
    record = network.services.folder / "record.json"
    command = [str(Path(PYTHON).with_name("ape")), "run", "deploy", "--network", "ethereum:local:foundry"]
    told = subprocess.run(
        [*command, "--record", str(record)],
        cwd=ROOT,
        env={**os.environ, "APE_FOUNDRY_HOST": network.rpc},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if told.returncode:
        raise click.ClickException(f"the deployment failed:\n{told.stdout[-3000:]}")
    deployed = json.loads(record.read_text())["contracts"]
    network.contracts = {name: contract["address"] for name, contract in deployed.items()}
    rpc(network.rpc, "evm_setIntervalMining", BLOCK_SECONDS)


def _start_indexer(network: Network, port: int, say: Say) -> None:
    network.indexer = f"http://127.0.0.1:{_port(port, 0)}"
    say(f"starting the indexer at {network.indexer}")
    command = [PYTHON, "-m", "offchain.storage.indexer", "--nodes", ",".join(network.storage)]
    command += ["--listen", network.indexer.removeprefix("http://"), "--check-every", "1s", "--cache-for", "1s"]
    child = network.services.start("indexer", command)
    network.services.wait("indexer", child, lambda: get(f"{network.indexer}/health"))


def _account(index: int) -> dict[str, str]:
    Account.enable_unaudited_hdwallet_features()
    account = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return {"address": account.address, "key": account.key.to_0x_hex()}


def _port(first: int, offset: int) -> int:
    """Port `first` + `offset` if it is free, any where `first` is 0 or somebody has it."""
    return first + offset if first and not _taken(first + offset) else free_port()


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
