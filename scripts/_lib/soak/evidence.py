"""Gathers the facts for the verdict from chain, nodes and servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from offchain.chain.client import ChainClient
from offchain.chain.contracts.flow import Submitted
from offchain.chain.contracts.reward import RewardContract
from offchain.chain.filter import LogFilter
from offchain.chain.types import Log
from offchain.errors import ZgError
from offchain.protocol.kv import tags
from offchain.protocol.kv.state_tree import state_root
from offchain.storage.client.api import StorageClient
from offchain.storage.kv.client.api import KvClient
from scripts._lib.books import Books
from scripts._lib.network import Network
from scripts._lib.processes import rpc
from scripts._lib.soak.archive import Kept
from scripts._lib.soak.town import Town
from scripts._lib.soak.verdict import Accounts, Copy, Mined, Place, State


def submissions(town: Town) -> list[Submitted]:
    """All that the flow took, in order."""
    flow = town.flow()
    wanted = LogFilter((flow.address,), tuple(map(tuple, flow.topics)))
    return flow.submitted(flow.client.logs(wanted, 0, flow.client.head().number).logs)


def copies(town: Town, kept: Sequence[Kept], taken: Sequence[Submitted], folder: Path) -> list[Copy]:
    """Every file at every node: what was uploaded is compared with the original, what streams are made of verified."""
    found: list[Copy] = []
    for url in town.network.storage:
        with StorageClient([url]) as client:
            found += (_upload(client, url, each, folder / "copy") for each in kept)
            found += (_submission(client, url, each) for each in taken)
    return found


def states(town: Town, fresh: Network, taken: Sequence[Submitted]) -> list[State]:
    """The state as the server tells it that was killed again and again, as a new one does, and as the rule says."""
    model = _model_state(town.network, taken)
    streams = [bytes.fromhex(stream[2:]) for stream in model.streams]
    return [
        model,
        _server_state(town.network, "the server", streams),
        _server_state(fresh, "a fresh server", streams),
    ]


def values(network: Network, places: Iterable[Place]) -> dict[Place, bytes]:
    """What the server proves of these keys."""
    with KvClient([network.kv], network.storage, rpc=network.rpc, flow=network.contracts["Flow"]) as client:
        return {place: client.get(*place).data for place in places}


def accounts(town: Town, taken: Sequence[Submitted]) -> Accounts:
    """Where the money is."""
    reward, logs = _reward_logs(town)
    payees = [town.account(miner.account).address for miner in town.miners]
    price = town.flow().price_per_sector()
    return Accounts(
        books=Books.of(town.network, payees),
        charged=sum(each.sectors for each in taken) * price,
        withdrawn=sum(reward.withdrawn(logs)),
        distributed=sum(each.amount for each in reward.distributed(logs)),
    )


def miners(town: Town) -> list[Mined]:
    """What each miner did."""
    reward, logs = _reward_logs(town)
    answered = town.answered()
    earned = reward.distributed(logs)
    return [
        Mined(
            name=miner.name,
            epochs=len(answered[miner.name]),
            earned=sum(each.amount for each in earned if each.miner_id == miner.id),
            owed=reward.owed(town.account(miner.account).address),
        )
        for miner in town.miners
    ]


def _upload(client: StorageClient, url: str, kept: Kept, copy: Path) -> Copy:
    held = all(_holds(url, root) for root in kept.roots)
    problem = _problem(lambda: kept.fetch(client, copy)) if held else ""
    return Copy(kept.path.name, url, url in kept.nodes, held, problem)


def _submission(client: StorageClient, url: str, taken: Submitted) -> Copy:
    root, size = taken.submission.data_root, taken.submission.length
    held = _holds(url, root)
    wanted = held and bool(tags.decode(taken.submission.tags))
    problem = _problem(lambda: len(client.read(root, 0, size)) == size) if wanted else ""
    return Copy(f"submission {taken.seq}", url, False, held, problem)


def _holds(url: str, root: bytes) -> bool:
    told = rpc(url, "zgs_getFileInfo", "0x" + root.hex(), False)
    return bool(told and told["finalized"])


def _problem(is_whole: Callable[[], bool]) -> str:
    try:
        return "" if is_whole() else "other bytes than were uploaded"
    except ZgError as error:
        return f"{type(error).__name__}: {error}"


def _model_state(network: Network, taken: Sequence[Submitted]) -> State:
    """By the protocol's rule alone: all submissions applied one after the other in memory."""
    from tests.doubles.memory_state import MemoryState

    model = MemoryState()
    for one, streams, data in _stream_data(network, taken):
        model.apply(one.seq, bytes.fromhex(one.caller[2:]), streams, data, len(data))
    roots = {stream: model.root(stream) for stream in model.streams()}
    return State(
        "a replay in memory", _hex(state_root(roots)), {_hex(each): _hex(root) for each, root in roots.items()}
    )


def _stream_data(network: Network, taken: Sequence[Submitted]) -> Iterator[tuple[Submitted, tuple[bytes, ...], bytes]]:
    with StorageClient(network.storage) as client:
        for one in taken:
            if streams := tags.decode(one.submission.tags):
                yield one, streams, client.read(one.submission.data_root, 0, one.submission.length)


def _server_state(network: Network, teller: str, streams: Sequence[bytes]) -> State:
    root = rpc(network.kv_admin, "admin_getStateRoot")["root"]
    told = {_hex(stream): rpc(network.kv, "kv_getStateRoot", _hex(stream))["root"] for stream in streams}
    return State(teller, root, told)


def _reward_logs(town: Town) -> tuple[RewardContract, tuple[Log, ...]]:
    client = ChainClient(town.network.rpc)
    reward = RewardContract(client, town.network.contracts["ChunkReward"])
    return reward, client.logs(LogFilter((reward.address,)), 0, client.head().number).logs


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
