"""The network of a soak: processes by name, which can be killed and started again, with what they know."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import FlowContract
from offchain.chain.contracts.mine import MineContract
from offchain.chain.filter import LogFilter
from scripts._lib.anvil import free_port
from scripts._lib.network import STORAGE_NODES, Network, Ports, Say, bring_up, node_name, start_kv, start_node
from scripts._lib.processes import Services, rpc
from scripts._lib.stories import mine_an_epoch
from scripts._lib.stories.mine_an_epoch import JUMP, SHARES, Miner
from scripts._lib.stories.narrator import Stage

KV = "kv"
NODE_OPTIONS = {1: ["--auto-sync"]}  # the second node is to hold everything, the first only what it was sent
MINER_OPTIONS = {0: ["--withdraw-above", "1"]}  # the second one is paid by hand in the end
CALM = ["--cpu-share", "30"]  # of a core: the machine has others to serve


@dataclass
class Town:
    """A running network with its miners."""

    stage: Stage
    miners: list[Miner]

    @classmethod
    def found(cls, stage_of: Callable[[Network], Stage], services: Services, say: Say) -> Town:
        """Start everything. The caller stops `services`."""
        stage = stage_of(bring_up(services, Ports.any(), say, NODE_OPTIONS))
        town = cls(stage, [])
        for number, share in enumerate(SHARES):
            miner = mine_an_epoch.register(stage, number, share)
            say(f"starting {miner.name} with shard {miner.shard} of {miner.count}")
            town.miners.append(miner)
            town.start(miner.name)
        return town

    @property
    def network(self) -> Network:
        """Its addresses."""
        return self.stage.network

    @property
    def names(self) -> list[str]:
        """Processes that a soak kills."""
        return [*self.nodes, KV, *(miner.name for miner in self.miners)]

    @property
    def nodes(self) -> list[str]:
        """Names of the storage nodes."""
        return [node_name(number) for number in range(STORAGE_NODES)]

    def start(self, name: str) -> None:
        """Start a process where it was; ServiceFailed when it does not answer."""
        if name == KV:
            start_kv(self.network)
        elif name in self.nodes:
            number = self.nodes.index(name)
            start_node(self.network, number, NODE_OPTIONS.get(number, []))
        else:
            number = [miner.name for miner in self.miners].index(name)
            mine_an_epoch.start(self.stage, self.miners[number], *CALM, *MINER_OPTIONS.get(number, []))

    def dead(self) -> list[str]:
        """Processes that do not run."""
        running = self.network.services.running()
        return [name for name in self.names if name not in running]

    def revive(self) -> list[str]:
        """Start whoever does not run and was not killed; tells of each how it ended."""
        found = []
        for name in self.dead():
            found.append(f"{name} ended by itself:\n{self.network.services.tail(name)}")
            self.start(name)
        return found

    def account(self, number: int) -> Account:
        """A funded account."""
        return Account.from_private_key(self.network.describe()["accounts"][number]["key"])

    def flow(self) -> FlowContract:
        """The flow, through a client of its own."""
        return FlowContract(ChainClient(self.network.rpc), self.network.contracts["Flow"])

    def mine(self) -> MineContract:
        """The mine, through a client of its own."""
        return MineContract(ChainClient(self.network.rpc), self.network.contracts["PoraMine"])

    def answered(self) -> dict[str, set[int]]:
        """Epochs in which a proof was accepted, by miner."""
        mine = self.mine()
        wanted = LogFilter((mine.address,), tuple(map(tuple, mine.topics)))
        proven = mine.proven(mine.client.logs(wanted, 0, mine.client.head().number).logs)
        return {miner.name: {each.epoch for each in proven if each.miner_id == miner.id} for miner in self.miners}

    def pace(self) -> None:
        """Let blocks pass when nobody who has not answered this epoch can: two minutes are long for a short soak."""
        mine, answered = self.mine(), self.answered()
        contexts = {miner.name: mine.worker_context(miner.id) for miner in self.miners}
        waiting = [told for name, told in contexts.items() if told.context.epoch not in answered[name]]
        if not any(told.target for told in waiting):
            rpc(self.network.rpc, "anvil_mine", hex(JUMP))

    def is_synced(self) -> bool:
        """Whether nodes and key-value server know every submission, and none of them waits."""
        count = self.flow().submissions()
        heard = [rpc(url, "zgs_getStatus")["nextTxSeq"] for url in self.network.storage]
        return all(seq == count for seq in heard) and has_replayed(self.network, count)

    def whole_node_lacks(self, seqs: int) -> list[int]:
        """Submissions that the node which fetches everything does not have."""
        url = self.network.storage[max(NODE_OPTIONS)]
        return [seq for seq in range(seqs) if not rpc(url, "zgs_checkFileFinalized", seq)]

    def fresh_kv(self) -> Network:
        """A network whose key-value server is another one, that begins with nothing. The caller stops its services."""
        anew = Services(self.network.services.folder / "fresh")
        kv, admin = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        network = replace(self.network, services=anew, kv=kv, kv_admin=admin)
        start_kv(network)
        return network


def has_replayed(network: Network, count: int) -> bool:
    """Whether the key-value server of `network` has decided `count` submissions, with all their files."""
    told = rpc(network.kv, "kv_getServerStatus")
    return told["nextTxSeq"] == told["appliedSeq"] == count and not told["waiting"] and not told["missing"]


def within(seconds: float, look: Callable[[], object]) -> bool:
    """Whether `look()` is true within so many seconds; a server that does not answer yet counts as no."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if look():
                return True
        except OSError:
            pass
        time.sleep(0.5)
    return False
