"""A network that is mined: a chain with flow, mine and reward, storage nodes around it, miners as processes."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.contracts.mine import MineContract
from offchain.chain.contracts.reward import RewardContract
from offchain.chain.filter import LogFilter
from offchain.protocol.pora import Parameters
from scripts._lib.anvil import LocalChain
from tests.doubles.cluster import PRICE, QUICK, Chain, Cluster, account, free_port, private_key
from tests.doubles.nursery import nursery
from tests.doubles.polling import eventually
from tests.doubles.proxy import Stall
from tests.doubles.relay import Relay
from tests.doubles.samples import upload
from tests.doubles.zgs import Zgs

BLOCKS_PER_EPOCH = 40
PARAMETERS = Parameters(subtasks=1, interval=0, mine_blocks=40, max_shards=16, wanted=4, pricing_sectors=4_096)
TERM = 3_600
FIRST_MINER = 3  # the development accounts before it govern, guard and pay


class MiningChain(Chain):
    """It mines each transaction at once, and blocks on demand."""

    def __init__(self, parameters=PARAMETERS, difficulty=64, ratio=20, price=PRICE, epoch_blocks=BLOCKS_PER_EPOCH):
        super().__init__()
        self.parameters, self.price, self.epoch_blocks = parameters, price, epoch_blocks
        self._difficulty, self._ratio = difficulty, ratio

    def deploy(self):
        """A new flow, empty, with its mine and its reward."""
        local, told = LocalChain(self.url), self.parameters
        me, chunk = local.sender, told.pricing_sectors
        market = local.deploy("FixedPriceMarket", me)
        flow = local.deploy("Flow", me, me, market.address, 0, self.epoch_blocks)
        pace = (told.wanted, told.mine_blocks, told.subtasks, told.interval, told.max_shards, self._ratio)
        mine = local.deploy("PoraMine", me, flow.address, chunk, self._difficulty, 1, False, *pace, told.two_hops)
        reward = local.deploy("ChunkReward", me, market.address, mine.address, chunk, TERM, 0, me, 100)
        local.send(market.functions.initialize(self.price, flow.address, reward.address))
        local.send(mine.functions.setReward(reward.address))
        self._donate = lambda amount, base: (
            local.send(reward.functions.donate(), value=amount),
            local.send(reward.functions.setBaseReward(base)),
        )
        client = ChainClient(self.url)
        self.mine_contract, self.reward = MineContract(client, mine.address), RewardContract(client, reward.address)
        return FlowContract(client, flow.address)

    def next_epoch(self):
        """Let the next epoch begin; nobody opens it yet."""
        self.mine(self.epoch_blocks - (self.head() - self.flow.first_block()) % self.epoch_blocks + 1)

    def open_epoch(self):
        """Let the next epoch begin, and open it."""
        self.next_epoch()
        call = self.flow.open_epochs()
        receipt = self.transact(**{"from": account(0).address, "to": call.to, "data": "0x" + call.data.hex()})
        assert receipt["status"] == "0x1"

    def donate(self, amount, base):
        """Give the reward `amount` wei, of which each proof on a live chunk gets `base`."""
        self._donate(amount, base)

    def register(self, owner, seed=0):
        """A miner id of the development account `owner`."""
        address = account(owner).address
        call = self.mine_contract.request_id(address, seed)
        receipt = self.transact(**{"from": address, "to": call.to, "data": "0x" + call.data.hex()})
        mined = self.flow.client.receipt(bytes.fromhex(receipt["transactionHash"][2:]))
        return self.mine_contract.made_id(mined.logs)

    def proofs(self):
        """All proofs that the mine accepted, in order."""
        return self.mine_contract.proven(self._logs(self.mine_contract))

    def rewards(self):
        """What they earned, in order."""
        return self.reward.distributed(self._logs(self.reward))

    def withdrawn(self):
        """What was withdrawn of that, in order."""
        wanted = LogFilter((self.reward.address,), ())
        return self.reward.withdrawn(self.flow.client.logs(wanted, 0, self.head()).logs)

    def _logs(self, contract):
        wanted = LogFilter((contract.address,), tuple(map(tuple, contract.topics)))
        return self.flow.client.logs(wanted, 0, self.head()).logs


class Miner:
    """A miner: a process, its data directory, its page."""

    def __init__(self, cluster, number, options):
        self.name = f"miner-{number}"
        self.cluster, self.options = cluster, options
        self.account = FIRST_MINER + number
        self.data = cluster.folder / "data" / self.name
        self.page = Zgs(f"http://127.0.0.1:{free_port()}")
        self.id = cluster.chain.register(self.account)
        self.rpc = cluster.chain.url
        self.worker = None

    def launch(self, *options):
        """Start the process and do not wait for it."""
        chain, nodes = self.cluster.chain, ",".join(node.url for node in self.cluster.nodes)
        command = ["--rpc", self.rpc, "--mine", chain.mine_contract.address, "--miner-id", "0x" + self.id.hex()]
        command += ["--nodes", nodes, "--data", self.data, "--listen", self.page.url.removeprefix("http://")]
        command += ["--threads", "1", *QUICK, *self.options, *options]
        key = {"ZG_STORAGE_MINER_PRIVATE_KEY": private_key(self.account)}
        log = self.cluster.folder / f"{self.name}.log"
        self.worker = nursery().start("offchain.storage.miner", command, log, **key)
        return self

    def start(self, *options):
        """Start the process; returns once it serves."""
        self.launch(*options)
        eventually(self.is_serving, f"{self.name} serves, see {self.worker.log}")
        return self

    def is_serving(self):
        """Whether it answers; fails when the process has ended."""
        assert self.worker.code is None, f"{self.name} ended with {self.worker.code}:\n{self.worker.text()[-3000:]}"
        try:
            return self.page.get("/health")[0] in (200, 503)
        except (OSError, HTTPException):
            return False

    def health(self):
        """Content of /health."""
        status, body = self.page.get("/health")
        assert status == 200, body
        return json.loads(body)

    def metric(self, name):
        """A value of /metrics."""
        lines = self.page.get("/metrics")[1].decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

    def wait_sealed(self, loads):
        """Return once so many loads are sealed."""
        return eventually(lambda: self.health()["sealed"] >= loads, f"{self.name} seals {loads} loads")

    def kill(self):
        self.worker.kill()

    def stop(self):
        """An orderly end."""
        assert self.worker.stop() == 0, self.worker.text()[-3000:]

    def events(self, event):
        """Lines of the log that tell of `event`."""
        lines = [json.loads(line) for line in self.worker.text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def owed(self):
        """Wei that it may withdraw."""
        return self.cluster.chain.reward.owed(account(self.account).address)


class Trap(Relay):
    """Stands before a chain and holds up whoever makes a call that a test waits for, before or after it took place."""

    def __init__(self, upstream):
        super().__init__(upstream)
        self.spring()

    def arm(self, method, after, of=""):
        """The next call of `method` with the text `of` in it is held up, and every later one."""
        self.caught = threading.Event()
        self._wanted = method, after, of.removeprefix("0x").lower()

    def spring(self):
        """Hold up nobody."""
        self._wanted = None

    def answer(self, request):
        self._look(request, after=False)
        answer = super().answer(request)
        self._look(request, after=True)
        return answer

    def _look(self, request, after):
        if not self._wanted:
            return
        method, wanted_after, text = self._wanted
        if method in request.calls and after == wanted_after and text in request.body.decode().lower():
            self.caught.set()
            raise Stall  # until it is killed


class MiningCluster(Cluster):
    """Storage nodes and miners around one chain."""

    def __init__(self, folder, chain):
        super().__init__(folder, chain)
        self.miners = []

    def add_miner(self, *options, start=True):
        """A new miner with an id of its own."""
        miner = Miner(self, len(self.miners), options)
        self.miners.append(miner)
        return miner.start() if start else miner

    def store(self, sample):
        """As any cluster does; also when the sequence number was another file's on a fork that is no more."""
        [seq] = self.chain.submit(sample)
        for node in self.nodes:
            eventually(lambda node=node: _knows(node, seq, sample), f"{node.name} knows submission {seq}")
            upload(node, seq, sample)
            node.wait_finalized(seq)
        return seq

    def close(self):
        for miner in self.miners:
            if miner.worker:
                miner.kill()
        super().close()


def _knows(node, seq, sample):
    info = node.info(seq)
    return info and info["tx"]["dataMerkleRoot"] == sample.hex


@contextmanager
def mining_in(folder, nodes=1, difficulty=64, ratio=20, price=PRICE, epoch_blocks=BLOCKS_PER_EPOCH, **parameters):
    """A chain that is mined, with so many storage nodes, and with these `parameters` in place of the usual ones."""
    with MiningChain(replace(PARAMETERS, **parameters), difficulty, ratio, price, epoch_blocks) as chain:
        cluster = MiningCluster(folder, chain)
        try:
            cluster.add(nodes)
            yield cluster
        finally:
            cluster.close()
