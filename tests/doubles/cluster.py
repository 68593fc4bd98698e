"""A network for tests that break things: a chain, its contracts, as many storage nodes as wanted, an indexer."""

import json
import random
import shutil
import socket
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPException

from eth_account import Account as Wallet

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.filter import LogFilter
from offchain.storage.client.api import StorageClient
from scripts._lib.anvil import LocalChain
from scripts._lib.network import MNEMONIC
from tests.doubles.anvil import Anvil
from tests.doubles.nursery import nursery
from tests.doubles.polling import eventually
from tests.doubles.samples import upload
from tests.doubles.zgs import Zgs

PRICE = 30_733_644_962
CHUNK, TERM = 65_536, 3_600
QUICK = ["--poll", "50ms", "--min-free-disk", "0", "--log-format", "json"]
_dice = random.Random()


def free_port():
    """A port that nobody listens on, nor the system gives to outgoing connections while a node is down."""
    while True:
        port = _dice.randrange(15_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Chain(Anvil):
    """An anvil with the contracts of storage on it; it mines each transaction at once."""

    def __enter__(self):
        super().__enter__()
        self.flow = self.deploy()
        return self

    def deploy(self):
        """A new flow, empty."""
        local = LocalChain(self.url)
        me = local.sender
        market = local.deploy("FixedPriceMarket", me)
        reward = local.deploy("ChunkReward", me, market.address, me, CHUNK, TERM, 0, me, 100)
        flow = local.deploy("Flow", me, me, market.address, 0, 120)
        local.send(market.functions.initialize(PRICE, flow.address, reward.address))
        return FlowContract(ChainClient(self.url), flow.address)

    def submit(self, *samples, payer=0):
        """Announce files in one transaction; returns their sequence numbers."""
        receipt = self.transact(**self.submission(*samples, payer=payer))
        assert receipt["status"] == "0x1"
        count = self.flow.submissions()
        return list(range(count - len(samples), count))

    def submission(self, *samples, payer=0):
        """The transaction that announces files, as anvil signs it."""
        sender = account(payer).address
        fee = PRICE * sum(sample.submission().sectors for sample in samples)
        call = self.flow.submit([sample.submission() for sample in samples], sender, fee)
        return {"from": sender, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(fee)}

    def submissions(self):
        """All submissions, as the chain's events tell."""
        wanted = LogFilter((self.flow.address,), tuple(map(tuple, self.flow.topics)))
        return self.flow.submitted(self.flow.client.logs(wanted, 0, self.head()).logs)

    def submit_events(self):
        """Roots of all files that were announced, as often as that was paid for."""
        return ["0x" + each.submission.data_root.hex() for each in self.submissions()]

    def balance(self, address):
        return int(self.rpc("eth_getBalance", address, "latest"), 16)


def account(number):
    """A development account."""
    return Account.from_private_key(private_key(number))


def private_key(number):
    """Its key."""
    Wallet.enable_unaudited_hdwallet_features()
    return Wallet.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}").key.to_0x_hex()


class Storage(Zgs):
    """A storage node: a process, its data directory, both its addresses."""

    def __init__(self, cluster, number, rpc, options):
        self.name = f"storage-{number}"
        self.cluster = cluster
        self.rpc = rpc
        self.options = options
        self.data = cluster.folder / "data" / self.name
        self.worker = None
        ports = free_port(), free_port()
        super().__init__(f"http://127.0.0.1:{ports[0]}")
        self.admin = Zgs(f"http://127.0.0.1:{ports[1]}")

    def launch(self, *options):
        """Start the process and do not wait for it."""
        peers = [node.url for node in self.cluster.nodes if node is not self]
        command = ["--rpc", self.rpc, "--flow", self.cluster.chain.flow.address, "--data", self.data]
        command += ["--listen", self.url.removeprefix("http://")]
        command += ["--listen-admin", self.admin.url.removeprefix("http://"), *QUICK]
        command += ["--peers", ",".join(peers)] if peers else []
        log = self.cluster.folder / f"{self.name}.log"
        self.worker = nursery().start("offchain.storage.node", [*command, *self.options, *options], log)
        return self

    def start(self, *options):
        """Start the process; returns once it serves."""
        self.launch(*options)
        eventually(self.is_serving, f"{self.name} serves, see {self.worker.log}")
        return self

    def is_serving(self):
        """Whether it answers; fails when the process has ended."""
        assert self.worker.code is None, f"{self.name} ended with {self.worker.code}:\n{self.worker.text()[-3000:]}"
        return self.answers()

    def answers(self):
        """Whether anybody answers."""
        try:
            return bool(self.zgs_getStatus())
        except (OSError, HTTPException):
            return False

    def kill(self):
        self.worker.kill()

    def stop(self):
        """An orderly end."""
        assert self.worker.stop() == 0, self.worker.text()[-3000:]

    def health(self):
        """HTTP status and content of /health."""
        status, body = self.get("/health")
        return status, json.loads(body) if status == 200 else body.decode()

    def events(self, event, position=0):
        """Lines of the log, from a position on, that tell of `event`."""
        lines = [json.loads(line) for line in self.worker.text()[position:].splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def files(self, sample):
        """Paths of data and tree of a file on its disk."""
        base = self.data / "files" / sample.root[:1].hex() / f"{sample.root.hex()}-{sample.size}"
        return base.with_suffix(".data"), base.with_suffix(".tree")

    def wait_for(self, seq):
        """File information of submission `seq` once it is known."""
        return eventually(lambda: self.info(seq), f"{self.name} knows submission {seq}")

    def wait_finalized(self, *seqs):
        for seq in seqs:
            eventually(lambda seq=seq: self.finalized(seq), f"{self.name} finalizes submission {seq}")

    def wait_synced(self):
        """Return when the newest block was looked at."""
        head = self.cluster.chain.head()
        eventually(lambda: self.zgs_getStatus()["logSyncHeight"] >= head, f"{self.name} reaches block {head}")

    def wait_peers(self, count):
        """Return when it sees `count` peers."""
        eventually(lambda: self.zgs_getStatus()["connectedPeers"] == count, f"{self.name} has {count} peers")

    def __repr__(self):
        return self.name


class Cluster:
    """Nodes around one chain, each with all others as peers."""

    def __init__(self, folder, chain):
        self.folder = folder
        self.chain = chain
        self.nodes = []
        self.workers = []

    def add(self, count=1, *options, rpc=None):
        """Start more nodes; returns them, or the one."""
        made = [Storage(self, len(self.nodes) + n + 1, rpc or self.chain.url, options) for n in range(count)]
        self.nodes += made
        self.start(*made)
        return made[0] if count == 1 else made

    def start(self, *nodes):
        """Start nodes side by side."""
        for node in nodes:
            node.launch()
        for node in nodes:
            eventually(node.is_serving, f"{node.name} serves")

    def store(self, sample):
        """Announce a file and give it to every node; returns its sequence number once it is complete everywhere."""
        [seq] = self.chain.submit(sample)
        for node in self.nodes:
            node.wait_for(seq)
            upload(node, seq, sample)
            node.wait_finalized(seq)
        return seq

    @cached_property
    def indexer(self):
        """URL of an indexer of all nodes."""
        return self.start_indexer().url

    def start_indexer(self, port=None):
        """A new indexer of all nodes; `worker` is its process."""
        listen = f"127.0.0.1:{port or free_port()}"
        options = ["--nodes", ",".join(node.url for node in self.nodes), "--listen", listen]
        log = self.folder / "indexer.log"
        worker = nursery().start(
            "offchain.storage.indexer", [*options, "--check-every", "100ms", "--cache-for", "1s"], log
        )
        self.workers.append(worker)
        indexer = Zgs(f"http://{listen}")
        indexer.worker = worker

        def lists_all():
            try:
                return len(indexer.indexer_getShardedNodes()["trusted"]) == len(self.nodes)
            except (OSError, HTTPException):
                return False

        eventually(lists_all, "the indexer lists all nodes")
        return indexer

    def client(self, user, *nodes, state=None, **options):
        """Our client, paying from the development account `user`."""
        return StorageClient(
            [node.url for node in nodes or self.nodes],
            rpc=self.chain.url,
            account=account(user),
            flow=self.chain.flow.address,
            state=state or self.folder / f"state-{user}",
            **options,
        )

    def close(self):
        """End everything; the logs stay."""
        for worker in [*(node.worker for node in self.nodes), *self.workers]:
            if worker:
                worker.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)


@contextmanager
def cluster_in(folder, count=0, *options):
    """A chain of its own with `count` nodes, as long as the context."""
    with Chain() as chain:
        cluster = Cluster(folder, chain)
        try:
            if count:
                cluster.add(count, *options)
            yield cluster
        finally:
            cluster.close()
