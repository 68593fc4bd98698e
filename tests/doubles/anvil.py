"""A real chain: anvil from npm as a process of its own, without Ape."""

import json
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEYS = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
]
"""Keys of the first accounts of anvil's well-known mnemonic."""


def binary():
    """The native program; the script in `.bin` would leave it behind when killed."""
    found = sorted((ROOT / "node_modules/@foundry-rs").glob("anvil-*/bin/anvil*"))
    if not found:
        pytest.fail("anvil is missing: run `make setup`")
    return found[0]


class Anvil:
    """Runs from `with` to its end on a free port."""

    def __init__(self, *arguments):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [str(binary()), "--silent", "--port", str(port), *arguments]
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self):
        self._process = subprocess.Popen(self._command)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.rpc("eth_chainId")
                return self
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def post(self, body):
        """Bytes in, bytes out."""
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with self._opener.open(request, timeout=30) as response:
            return response.read()

    def rpc(self, method, *params):
        """The result of a call; fails with anvil's words."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = json.loads(self.post(json.dumps(call).encode()))
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def transact(self, **fields):
        """The receipt of a transaction that anvil signs; it mines right away, but answers before it has."""
        digest = self.rpc("eth_sendTransaction", fields)
        deadline = time.monotonic() + 10
        while not (receipt := self.rpc("eth_getTransactionReceipt", digest)):
            assert time.monotonic() < deadline, "anvil does not mine"
            time.sleep(0.005)
        return receipt

    def mine(self, count=1):
        self.rpc("anvil_mine", hex(count))

    def head(self):
        return int(self.rpc("eth_blockNumber"), 16)
