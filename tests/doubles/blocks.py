"""Blocks with known hashes for boa: the opcode and the history contract agree."""

import boa

from offchain.protocol.keccak import keccak256
from tests.doubles.contracts import deploy

HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935"


def block_hash(number):
    """Hash of block `number` in every boa test that mines with `mine`."""
    return keccak256(number.to_bytes(32, "big"))


def mine(count):
    """Let `count` blocks and as many seconds pass."""
    boa.env.time_travel(blocks=count)
    tell_hashes()


def wait(seconds):
    """Let `seconds` pass."""
    boa.env.time_travel(seconds=seconds)
    tell_hashes()


def tell_hashes():
    """Give the opcode the hashes of the last 256 blocks."""
    number = boa.env.evm.patch.block_number
    boa.env.evm.patch.prev_hashes = [block_hash(number - back) for back in range(1, min(256, number) + 1)]


def install_history():
    """Put the history contract where EIP-2935 has it."""
    double = deploy("BlockHistory")
    boa.env.set_code(HISTORY, boa.env.get_code(double.address))


def remove_history():
    """Make the chain one without EIP-2935."""
    boa.env.set_code(HISTORY, b"")
