"""`zg storage kv` as processes of one account, on a network that a file describes."""

import json

from tests.doubles.cluster import private_key
from tests.doubles.nursery import nursery

OWNER = 6
"""The development account that pays."""


class Told:
    """How a command ended."""

    def __init__(self, worker):
        self.code = worker.wait()
        self.text = worker.text()

    @property
    def json(self):
        return json.loads(self.text.splitlines()[-1])


class Shell:
    """Runs commands for an account on a network that a file describes."""

    def __init__(self, cluster, server, folder, number=OWNER, chain=None, node=None):
        self.folder, self.runs = folder, 0
        described = {
            "rpc": chain or cluster.chain.url,
            "contracts": {"Flow": cluster.chain.flow.address},
            "services": {"storage": [node or cluster.nodes[0].url], "kv": server.url},
        }
        (folder / "network.json").write_text(json.dumps(described))
        self.state = {"ZG_STATE_DIR": str(folder / "state"), "ZG_CLIENT_PRIVATE_KEY": private_key(number)}

    def start(self, *arguments):
        self.runs += 1
        command = ["storage", "kv", *arguments, "--network", self.folder / "network.json"]
        return nursery().start("offchain.cli", command, self.folder / f"{self.runs}.out", **self.state)

    def run(self, *arguments):
        return Told(self.start(*arguments))

    def json(self, *arguments):
        told = self.run(*arguments, "--json")
        assert told.code == 0, told.text
        return told.json
