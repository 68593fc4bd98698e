"""`zg` as a process that a test lets run, or kills at a chosen or at a random moment."""

import json
import threading

from tests.doubles.cluster import private_key
from tests.doubles.nursery import nursery
from tests.doubles.polling import eventually

PAYER = 5
"""The development account that pays."""


class CommandLine:
    """`zg` as a process, in front of a guillotine."""

    def __init__(self, cluster, guillotine, folder):
        self.guillotine, self.folder, self.runs = guillotine, folder, 0
        chain, node = guillotine.relays
        described = {
            "rpc": chain.url,
            "contracts": {"Flow": cluster.chain.flow.address},
            "services": {"storage": [node.url]},
        }
        (folder / "network.json").write_text(json.dumps(described))

    def start(self, *arguments):
        self.runs += 1
        settings = {"ZG_CLIENT_PRIVATE_KEY": private_key(PAYER), "ZG_STATE_DIR": str(self.folder / "state")}
        command = ["storage", *arguments, "--network", self.folder / "network.json", "--json"]
        return nursery().start("offchain.cli", command, self.folder / f"zg-{self.runs}.out", **settings)

    def run(self, *arguments):
        """What the command prints."""
        worker = self.start(*arguments)
        assert worker.wait() == 0, worker.text()
        return json.loads(worker.text().splitlines()[-1])

    def run_and_die(self, at, after, *arguments):
        """Run until exchange `at`, then kill; whether it came so far."""
        self.guillotine.arm(at, after)
        worker = self.start(*arguments)
        eventually(lambda: self.guillotine.fell.is_set() or worker.code is not None, "the guillotine falls")
        worker.kill()
        fell = self.guillotine.fell.is_set()
        self.guillotine.disarm()
        return fell

    def run_for(self, seconds, *arguments):
        """Run and kill after a while; whether that came before its end."""
        worker = self.start(*arguments)
        threading.Event().wait(seconds)  # a random moment is what is tested
        ended = worker.code is not None
        worker.kill()
        return not ended
