"""A chain of its own for each file, and the contract that tests talk to."""

from pathlib import Path

import pytest

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from tests.doubles.anvil import KEYS, Anvil

EMITTER = Path(__file__).parents[2] / "doubles/Emitter.vy"


@pytest.fixture(scope="module")
def anvil_chain():
    with Anvil() as chain:
        yield chain


@pytest.fixture
def client(anvil_chain):
    return ChainClient(anvil_chain.url, 31337)


@pytest.fixture(scope="session")
def emitter_build():
    """ABI and bytecode of the emitter."""
    import vyper  # slow to import, and needed by few tests

    return vyper.compile_code(EMITTER.read_text(), output_formats=["abi", "bytecode"])


@pytest.fixture
def emitter(anvil_chain, client, emitter_build):
    """An emitter just deployed, behind our own contract class."""
    sender = Account.from_private_key(KEYS[0]).address
    receipt = anvil_chain.transact(**{"from": sender, "data": emitter_build["bytecode"]})
    return client.contract(receipt["contractAddress"], emitter_build["abi"])
