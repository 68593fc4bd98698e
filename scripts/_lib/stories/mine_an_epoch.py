"""Chapter 2, first half, docs/flows/mine-an-epoch.md: two miners seal their shares, prove them, are paid from fees."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offchain.chain.client import ChainClient
from offchain.chain.contracts.mine import MineContract
from offchain.chain.contracts.reward import RewardContract
from offchain.chain.filter import LogFilter
from scripts._lib.anvil import free_port
from scripts._lib.books import Books
from scripts._lib.network import PYTHON
from scripts._lib.processes import get, rpc
from scripts._lib.stories.narrator import Narrator, Stage, require

EPOCHS = 3
PATIENCE = 300.0
JUMP = 10
SHARES = ((6, 0, 2), (7, 1, 4))
"""Account, shard and number of shards of each miner: one holds half of the flow, the other a quarter."""


@dataclass
class Miner:
    """A miner: it holds shard `shard` of `count`, listens at `listen` and is paid to account number `account`."""

    name: str
    account: int
    shard: int
    count: int
    id: bytes
    folder: Path
    listen: str
    proofs: dict[int, int] = field(default_factory=dict)


def tell(stage: Stage, narrator: Narrator) -> None:
    """The whole story."""
    client = ChainClient(stage.network.rpc)
    mine = MineContract(client, stage.network.contracts["PoraMine"])
    reward = RewardContract(client, stage.network.contracts["ChunkReward"])
    first = client.head().number
    miners = [register(stage, number, share) for number, share in enumerate(SHARES)]
    for miner in miners:
        start(stage, miner)
        narrator.say(f"{miner.name} registers, and seals its share of the flow: {miner.shard} of {miner.count}")
    _mine(stage, narrator, mine, miners, first)
    for miner in miners:
        stage.network.services.end(miner.name)
    _pay(stage, narrator, reward, miners)


def register(stage: Stage, number: int, share: tuple[int, int, int]) -> Miner:
    """Make the id of miner `number`, with a share as in SHARES."""
    account, shard, count = share
    name = f"miner-{number + 1}"
    folder = stage.network.data(name)
    told = zg(stage, "register", account, "--data", folder)
    return Miner(name, account, shard, count, bytes.fromhex(told["miner"][2:]), folder, f"127.0.0.1:{free_port()}")


def start(stage: Stage, miner: Miner, *options: str) -> None:
    """Start a registered miner, or start it again with its data."""
    command = [PYTHON, "-m", "offchain.storage.miner", "--rpc", stage.network.rpc, "--data", str(miner.folder)]
    command += ["--mine", stage.network.contracts["PoraMine"], "--nodes", ",".join(stage.network.storage)]
    command += ["--shard-id", str(miner.shard), "--num-shards", str(miner.count)]
    command += ["--listen", miner.listen, "--min-free-disk", "0"]
    key = stage.folder / f"{miner.name}.key"
    key.write_text(stage.network.describe()["accounts"][miner.account]["key"])
    command += ["--private-key-file", str(key), "--threads", "1", *options]
    child = stage.network.services.start(miner.name, command)
    stage.network.services.wait(miner.name, child, lambda: get(f"http://{miner.listen}/health"))


def _mine(stage: Stage, narrator: Narrator, mine: MineContract, miners: list[Miner], first: int) -> None:
    """Let epochs pass until each miner has proven something in several; time moves on where nobody can mine."""
    narrator.say(f"they prove what they hold until {EPOCHS} epochs were mined by both")
    deadline = time.monotonic() + PATIENCE
    while _common(miners) < EPOCHS:
        require(time.monotonic() < deadline, "both miners win in time")
        time.sleep(0.5)
        _count(mine, miners, first)
        epoch = mine.worker_context(miners[0].id).context.epoch
        waiting = [miner for miner in miners if epoch not in miner.proofs]
        if not any(mine.worker_context(miner.id).target for miner in waiting):
            rpc(stage.network.rpc, "anvil_mine", hex(JUMP))
    for miner in miners:
        narrator.fact(f"{miner.name}, share 1/{miner.count}", f"{sum(miner.proofs.values())} proofs accepted")


def _common(miners: list[Miner]) -> int:
    return len(set.intersection(*(set(miner.proofs) for miner in miners)))


def _count(mine: MineContract, miners: list[Miner], first: int) -> None:
    wanted = LogFilter((mine.address,), tuple(map(tuple, mine.topics)))
    proven = mine.proven(mine.client.logs(wanted, first, mine.client.head().number).logs)
    for miner in miners:
        epochs = [each.epoch for each in proven if each.miner_id == miner.id]
        miner.proofs = {epoch: epochs.count(epoch) for epoch in epochs}


def _pay(stage: Stage, narrator: Narrator, reward: RewardContract, miners: list[Miner]) -> None:
    accounts = [stage.network.describe()["accounts"][miner.account]["address"] for miner in miners]
    require(reward.base_reward() == (0, 0), "nothing was donated: rewards come from fees")
    books = Books.of(stage.network, accounts)
    narrator.say("rewards are owed by the contract until somebody asks for them")
    for miner, address in zip(miners, accounts, strict=True):
        owed = reward.owed(address)
        require(owed > 0, f"{miner.name} earned something")
        zg(stage, "withdraw", miner.account, "--data", miner.folder)
        require(reward.owed(address) == 0, f"{miner.name} was paid")
        narrator.fact(f"{miner.name} withdrew", f"{owed / 1e18:.12f} coins")
    require(books.balance == books.accounted, "the balances equal the books")


def zg(stage: Stage, command: str, account: int, *options: object) -> Any:
    """One of the miner's commands, as its operator types it."""
    description = stage.folder / "network.json"
    description.write_text(json.dumps(stage.network.describe()))
    words = ["storage", "miner", command, *map(str, options), "--network", str(description), "--json"]
    words += ["--devnet-account", str(account)]
    told = subprocess.run(
        [str(Path(PYTHON).with_name("zg")), *words],
        env={**os.environ, "ZG_STATE_DIR": str(stage.folder / "state")},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    require(told.returncode == 0, f"zg storage miner {command}: {told.stdout}{told.stderr}")
    return json.loads(told.stdout)
