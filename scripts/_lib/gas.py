"""Gas of what users do, measured on anvil: total transaction gas unless an id ends in `/exec`."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from offchain.protocol.keccak import keccak256
from offchain.protocol.sectors import SECTOR_BYTES, node_heights, padded_sector_count
from scripts._lib.anvil import LocalChain, chain
from scripts._lib.gas_evidence import duplicate_votes
from scripts._lib.gas_mining import A_YEAR, CHUNK, PRICE, proofs
from scripts._lib.gas_staking import staking

NEVER = 100_000  # blocks an epoch: none opens while single submissions are measured
SHORT_EPOCH = 50
ONE_SECTOR = 200
TWO_NODES = 1_048_579
WARM_UP = 40
SAMPLES = 20

Measured = dict[str, int]


def measure() -> Measured:
    """Every id with its gas."""
    measured: Measured = duplicate_votes()
    for two_hops in (False, True):
        with chain("--hardfork", "prague") as local:
            measured |= proofs(local, two_hops)
    with chain("--hardfork", "prague") as local:
        measured |= staking(local)
    for scenario, epoch in ((single_submissions, NEVER), (batches, NEVER), (deep_flow, NEVER), (epochs, SHORT_EPOCH)):
        with chain("--hardfork", "prague") as local:
            measured |= scenario(Storage(local, epoch))
    return dict(sorted(measured.items()))


class Storage:
    """A fresh flow with its market and reward."""

    def __init__(self, local: LocalChain, blocks_per_epoch: int) -> None:
        self.local = local
        me = local.sender
        self.market = local.deploy("FixedPriceMarket", me)
        self.reward = local.deploy("ChunkReward", me, self.market.address, me, CHUNK, A_YEAR, 0, me, 100)
        self.flow = local.deploy("Flow", me, me, self.market.address, 0, blocks_per_epoch)
        self.old = local.web3.eth.contract(self.flow.address, abi=_old_abi())
        local.send(self.market.functions.initialize(PRICE, self.flow.address, self.reward.address))
        self.count = 0

    def submission(self, size: int) -> tuple[Any, int]:
        """Submission data of `size` bytes with made-up roots, and its fee."""
        self.count += 1
        heights = node_heights(padded_sector_count(size))
        nodes = [(keccak256(b"%d %d" % (self.count, height)), height) for height in heights]
        return (size, b"", nodes), sum(1 << height for height in heights) * PRICE

    def submit(self, size: int, extra: int = 0) -> int:
        """Gas of submitting `size` bytes."""
        data, fee = self.submission(size)
        return self.local.send(self.flow.functions.submit((data, self.local.sender)), value=fee + extra)

    def submit_old(self, size: int) -> int:
        """Gas of the same through the ABI from before January 2026."""
        data, fee = self.submission(size)
        return self.local.send(self.old.functions.submit(data), value=fee)

    def submit_batch(self, sizes: list[int]) -> int:
        """Gas of submitting a batch."""
        made = [self.submission(size) for size in sizes]
        named = [(data, self.local.sender) for data, _ in made]
        return self.local.send(self.flow.functions.batchSubmit(named), value=sum(fee for _, fee in made))


def single_submissions(storage: Storage) -> Measured:
    """The scenario that existing contracts were measured in: median of 20 after 40 of one sector."""
    first = storage.submit(ONE_SECTOR)
    _times(WARM_UP - 1, lambda: storage.submit(ONE_SECTOR))
    return {
        "storage.submit_first": first,
        "storage.submit": _median(lambda: storage.submit(ONE_SECTOR)),
        "storage.submit_old_abi": _median(lambda: storage.submit_old(ONE_SECTOR)),
        "storage.submit_two_nodes": _median(lambda: storage.submit(TWO_NODES)),
        "storage.submit_overpaid": _median(lambda: storage.submit(ONE_SECTOR, extra=1)),
        "storage.settle": storage.local.send(storage.flow.functions.settle()),
    }


def batches(storage: Storage) -> Measured:
    """Ten files of one sector in one call."""
    _times(WARM_UP, lambda: storage.submit(ONE_SECTOR))
    return {"storage.batch_submit_per_file": _median(lambda: storage.submit_batch([ONE_SECTOR] * 10)) // 10}


def deep_flow(storage: Storage) -> Measured:
    """One sector on a flow whose length has many bits set: each is a peak to read."""
    storage.local.send(storage.market.functions.setPricePerSector(0))
    for height in range(28, 11, -1):
        node = (keccak256(bytes([height])), height)
        data = (SECTOR_BYTES << height, b"", [node])
        storage.local.send(storage.flow.functions.submit((data, storage.local.sender)))
    storage.local.send(storage.market.functions.setPricePerSector(PRICE))
    return {"storage.submit_deep": _median(lambda: storage.submit(ONE_SECTOR))}


def epochs(storage: Storage) -> Measured:
    """The submission that opens an epoch and settles its fees; after one epoch and after many."""
    storage.submit(ONE_SECTOR)
    measured = {}
    for name, passed in (("storage.submit_new_epoch", 1), ("storage.submit_after_idle", 60)):
        storage.local.mine(passed * SHORT_EPOCH + 1)
        measured[name] = storage.submit(ONE_SECTOR)
    return measured


def _median(measure_once: Callable[[], int]) -> int:
    return int(median(_times(SAMPLES, measure_once)))


def _times(count: int, action: Callable[[], int]) -> list[int]:
    return [action() for _ in range(count)]


def _old_abi() -> Any:
    from scripts._lib.abis import export

    return export()["OldFlow"]
