import shutil
import socket
from collections import namedtuple

import pytest

from offchain.chain.client import ChainClient
from offchain.errors import BadSettings, ChainUnavailable
from offchain.runtime import checks
from tests.doubles.clock import FakeClock
from tests.doubles.rpc import CHAIN_ID, URL, FakeChain

FLOW = "0x" + "11" * 20
PAYER = "0x" + "22" * 20
Usage = namedtuple("Usage", "total used free")


def client_of(chain, post=None):
    return ChainClient(URL, CHAIN_ID, post=post or chain.post, clock=FakeClock(), jitter=lambda: 0.0)


def test_chain_problems__everything_in_place__is_empty():
    client = client_of(FakeChain(reverts={FLOW: "any"}))
    assert checks.chain_problems(client, {"Flow": FLOW}, PAYER, 10**18) == []


def test_chain_problems__silent_rpc__is_the_only_problem():
    def silent(body):
        raise ChainUnavailable("http://rpc.test cannot be reached (ConnectionError)")

    assert checks.chain_problems(client_of(None, silent), {"Flow": FLOW}, PAYER, 1) == [
        "the chain: http://rpc.test cannot be reached (ConnectionError)"
    ]


def test_chain_problems__another_chain__says_what_to_change():
    (problem,) = checks.chain_problems(client_of(FakeChain(chain_id=5)))
    assert "answers for chain 5 instead of 31337: point the settings at an RPC of chain 31337" in problem


def test_chain_problems__no_code_and_no_money__are_both_told():
    client = client_of(FakeChain(balances={PAYER: 3}))
    assert checks.chain_problems(client, {"Flow": FLOW}, PAYER, 10) == [
        f"there is no contract Flow at {FLOW} on chain 31337: correct the address or the RPC",
        f"account {PAYER} holds 3 wei and needs 10: send it at least 7 wei",
    ]


def test_key_problems__key_cannot_be_loaded__repeats_why():
    def load():
        raise BadSettings("no key")

    assert checks.key_problems(load) == ["no key"]
    assert checks.key_problems(lambda: None) == []


def test_secret_file_problems__file_for_everybody__says_how_to_close_it(tmp_path):
    file = tmp_path / "key"
    file.write_text("x")
    file.chmod(0o644)
    assert checks.secret_file_problems(file, None, tmp_path / "none") == [
        f"{file} is readable by every user of this machine: chmod 600 {file}"
    ]
    file.chmod(0o600)
    assert checks.secret_file_problems(file) == []


def test_disk_problems__writable_directory__is_created_and_left_clean(tmp_path):
    assert checks.disk_problems(tmp_path / "new", 1) == []
    assert list((tmp_path / "new").iterdir()) == []


def test_disk_problems__too_little_room__names_both_amounts(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 5 << 20))
    assert checks.disk_problems(tmp_path, 9 << 20) == [
        f"the disk of {tmp_path} has 5 MiB left and 9 MiB are needed: make room on it"
    ]


def test_disk_problems__no_directory__says_why(tmp_path):
    (tmp_path / "file").write_text("")
    (problem,) = checks.disk_problems(tmp_path / "file" / "data", 1)
    assert "cannot be written" in problem


def test_port_problems__taken__names_the_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        (problem,) = checks.port_problems("127.0.0.1", port)
        assert f"nothing can listen on 127.0.0.1:{port}" in problem
        assert "choose another port" in problem
    assert checks.port_problems("127.0.0.1", port) == []


def test_port_problems__address_of_another_machine__is_told():
    (problem,) = checks.port_problems("203.0.113.7", 80)
    assert "nothing can listen" in problem


def test_require__several_checks__tells_all_at_once():
    with pytest.raises(BadSettings) as refusal:
        checks.require(["a"], [], ["b"])
    assert str(refusal.value) == "this cannot start:\n  - a\n  - b"
    checks.require([], [])
