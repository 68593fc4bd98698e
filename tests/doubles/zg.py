"""The `zg` command within this process, and a network for it that lives here too."""

import json
from dataclasses import dataclass
from pathlib import Path

import click
from click.testing import CliRunner

import offchain.storage.client.api as api
import offchain.storage.client.network as network
from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.cli import main
from tests.doubles.files import File
from tests.doubles.flow_chain import FLOW, FlowChain
from tests.doubles.local_web import LocalWeb
from tests.doubles.node_parts import NodeParts

NODE, RPC = "http://node.test", "http://rpc.test"
KEY = "a1" * 32
PAYER = Account.from_private_key(KEY).address
NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens."""
WIDE = 10_000


@dataclass(frozen=True)
class Told:
    """How a command ended, and what it printed where."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one document on standard output."""
        assert self.out.endswith("\n"), self.out
        return json.loads(self.out)

    @property
    def error(self):
        """Kind and message of an error told as JSON, which is all that is printed."""
        assert self.err.strip() == ""  # click ends the line that Ctrl-C stands in
        assert set(self.json) == {"error"}
        return self.json["error"]["kind"], self.json["error"]["message"]


def zg(*arguments, answer=None, **environment):
    """Run `zg` as a process would; what would print a traceback there is raised here. Lines are not broken."""
    runner = CliRunner(mix_stderr=False, env=environment)
    ended = runner.invoke(main, list(map(str, arguments)), answer, prog_name="zg", terminal_width=WIDE)
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Told(ended.exit_code, ended.stdout, ended.stderr)


def commands(command=main, *path):
    """All commands that are no groups, by their words."""
    context = click.Context(command)
    if not isinstance(command, click.Group):
        return {path: command}
    found = {}
    for name in command.list_commands(context):
        found |= commands(command.get_command(context, name), *path, name)
    return found


class Surroundings:
    """A directory with a file in it, a node that holds another one, a chain."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.web = LocalWeb()
        self.chain = FlowChain()
        self.node = NodeParts(folder / "node")
        self.server = self.node.serve(self.web, NODE)
        self.held = File.random(1000)
        self.node.hold(self.held)
        self.root = "0x" + self.held.root.hex()
        self.file = folder / "file"
        self.file.write_bytes(b"nobody has it yet")
        self.state = {"ZG_CLIENT_PRIVATE_KEY": KEY, "ZG_STATE_DIR": str(folder / "state")}
        monkeypatch.setattr(network, "HttpClient", self.web.client)
        monkeypatch.setattr(api, "ChainClient", lambda rpc: ChainClient(rpc, post=self.chain.post))

    def upload(self, *arguments, path=None, answer=None, **environment):
        """`zg storage upload` of the file, with a node, a chain and a key."""
        command = ["storage", "upload", path or self.file, "--nodes", NODE, "--rpc", RPC, "--flow", FLOW, *arguments]
        return zg(*command, answer=answer, **{**self.state, **environment})

    def download(self, destination, *arguments):
        """`zg storage download` of the file that the node holds."""
        return zg("storage", "download", self.root, destination, "--nodes", NODE, *arguments)

    def info(self, root, *arguments):
        """`zg storage info` from the node."""
        return zg("storage", "info", root, "--nodes", NODE, *arguments)

    def described(self, content):
        """The file of a network's description."""
        path = self.folder / "network.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def found(self):
        """A network's description where commands find it by themselves; nobody listens at its RPC."""
        place = Path(".devnet/network.json")
        place.parent.mkdir()
        contracts = {"Flow": FLOW, "PoraMine": FLOW}
        services = {"storage": [NODE]}
        described = {"rpc": NOWHERE, "accounts": [{"key": KEY}] * 4, "contracts": contracts, "services": services}
        place.write_text(json.dumps(described))
        return place
