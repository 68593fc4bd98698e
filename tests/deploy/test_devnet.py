"""`scripts.devnet`, and on the network it starts `ape run` as the README gives it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts import devnet
from scripts._lib.network import Network
from scripts._lib.processes import ServiceFailed, Services
from tests.doubles.anvil import Anvil
from tests.doubles.zgs import Zgs

ROOT = Path(__file__).resolve().parents[2]


class Home:
    """`scripts.devnet` in a folder of its own."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder / "devnet"
        self.description = self.folder / "network.json"
        self.services = Services(self.folder)
        monkeypatch.setattr(devnet, "HOME", self.folder)
        monkeypatch.setattr(devnet, "DESCRIPTION", self.description)

    def run(self, *arguments, code=0):
        told = CliRunner().invoke(devnet.cli, arguments)
        assert told.exit_code == code, told.output
        return told.output


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = Home(tmp_path, monkeypatch)
    yield home
    home.services.stop()


@pytest.fixture
def quick(monkeypatch):
    """A network of one process that does nothing; counts its starts."""
    started = []

    def bring_up(services, ports, say):
        started.append(ports.chain)
        services.start("chain", ["sleep", "600"])
        return Network(services, f"http://127.0.0.1:{ports.chain}")

    monkeypatch.setattr(devnet, "bring_up", bring_up)
    return started


def ape_run(script, rpc, record):
    """Lines that `ape run` prints with the words of the README, on a chain that runs."""
    command = f"ape run {script} --network ethereum:local:foundry"  # network.py deploys with the same words
    assert command in (ROOT / "README.md").read_text().splitlines()
    told = subprocess.run(
        [str(Path(sys.executable).with_name("ape")), *command.split()[1:], "--record", record],
        cwd=ROOT,
        env=os.environ | {"APE_FOUNDRY_HOST": rpc},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout.splitlines()


@pytest.mark.anvil
def test_devnet__started__describes_a_network_that_answers_and_that_status_finds_right(home):
    home.run("start", "--port", "0")
    described = json.loads(home.description.read_text())
    assert set(described) == {"rpc", "chainId", "accounts", "contracts", "services"}
    assert described["chainId"] == int(Zgs(described["rpc"]).eth_chainId(), 16) == 31337
    assert {frozenset(account) for account in described["accounts"]} == {frozenset({"address", "key"})}
    for address in described["contracts"].values():
        assert len(Zgs(described["rpc"]).eth_getCode(address, "latest")) > 2
    assert {"Flow", "FixedPriceMarket", "PoraMine", "ChunkReward"} == set(described["contracts"])
    for url in described["services"]["storage"]:
        assert Zgs(url).zgs_getStatus()["networkIdentity"]["flowAddress"] == described["contracts"]["Flow"].lower()
    assert Zgs(described["services"]["indexer"]).get("/health")[0] == 200
    assert Zgs(described["services"]["kv"]).get("/health")[0] == 200
    told = ape_run("status", described["rpc"], home.folder / "record.json")
    assert {f"{name} {address}" for name, address in described["contracts"].items()} <= set(told)
    assert home.run("stop") == "devnet: stopped kv, indexer, storage-2, storage-1, anvil\n"
    assert home.services.running() == {}


def test_devnet__started_twice__keeps_what_runs(home, quick):
    home.run("start", "--port", "1234")
    before = home.description.read_bytes(), home.services.running()
    assert home.run("start") == "devnet: already running, see .devnet/network.json\n"
    assert (home.description.read_bytes(), home.services.running()) == before
    assert quick == [1234]


@pytest.mark.parametrize("lost", ["process", "description"])
def test_devnet__half_of_it_gone__starts_anew(home, quick, lost):
    home.run("start")
    pid = home.services.running()["chain"]
    if lost == "process":
        home.services.kill("chain")
    else:
        home.description.unlink()
    home.run("start")
    assert quick == [8545, 8545]
    assert home.services.running()["chain"] != pid
    assert json.loads(home.description.read_text())["rpc"] == "http://127.0.0.1:8545"


def test_devnet__stopped__leaves_no_process_and_no_description(home, quick):
    home.run("start")
    assert home.run("stop") == "devnet: stopped chain\n"
    assert not home.description.exists()
    assert home.services.running() == {}
    assert home.run("stop") == "devnet: was not running\n"


def test_devnet__a_service_fails__stops_the_others_and_tells_its_last_words(home, monkeypatch):
    def bring_up(services, *_):
        services.start("chain", ["sleep", "600"])
        raise ServiceFailed("storage-1 ended with 2:\nno room")

    monkeypatch.setattr(devnet, "bring_up", bring_up)
    assert home.run("start", code=1) == "Error: storage-1 ended with 2:\nno room\n"
    assert home.services.running() == {}
    assert not home.description.exists()


@pytest.mark.anvil
def test_devnet__port_taken__says_how_to_choose_another(home):
    with Anvil() as other:
        port = other.url.rpartition(":")[2]
        told = home.run("start", "--port", port, code=1)
    assert told == f"Error: port {port} is in use; choose another with PORT=… (0 for a free one)\n"
