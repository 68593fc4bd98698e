"""Gas of mining, on a flow of 8 GiB that repeats one sector: proofs as deep as in production, and no disk is needed."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import ZERO_ROOTS
from offchain.protocol.recall import RecallRange, Task, mix, passes_gate, quality, recall
from offchain.protocol.sealing import UNIT_BYTES, UNIT_SECTORS, seal
from offchain.protocol.sectors import SECTOR_BYTES
from scripts._lib.anvil import LocalChain
from scripts._lib.layouts import layouts

PRICE = 30_733_644_962
EPOCH = 60
EPOCHS = 5
A_MONTH = 30 * 86_400
A_YEAR = 12 * A_MONTH
HEIGHT = 24
CHUNK = 1 << 25
SECTOR = bytes(range(256))
UNITS = 64
PLACES = 512
STEP = 1_000
LEVELS = 25 - 4

Measured = dict[str, int]


class MinedFlow:
    """One file of 4 GiB at the end of a flow of 8 GiB, its mine and its reward, and one miner."""

    def __init__(self, local: LocalChain, two_hops: bool) -> None:
        self.local, self.two_hops, me = local, two_hops, local.sender
        market = local.deploy("FixedPriceMarket", me)
        self.flow = local.deploy("Flow", me, me, market.address, 0, EPOCH)
        pace = (1, 1, False, 100, EPOCH, 1, 0, 64, 20, two_hops)
        self.mine = local.deploy("PoraMine", me, self.flow.address, CHUNK, *pace)
        self.reward = local.deploy("ChunkReward", me, market.address, self.mine.address, CHUNK, A_YEAR, 0, me, 100)
        local.send(market.functions.initialize(PRICE, self.flow.address, self.reward.address))
        local.send(self.mine.functions.setReward(self.reward.address))
        local.send(self.mine.functions.requestMinerId(me, 0))
        [made] = self.mine.events.NewMinerId().get_logs(from_block="latest")
        self.miner = bytes(made.args.minerId)
        self.tree = repeated(SECTOR)
        nodes = [(self.tree[HEIGHT], HEIGHT)]
        submission = ((SECTOR_BYTES << HEIGHT, b"", nodes), me)
        local.send(self.flow.functions.submit(submission), value=PRICE << HEIGHT)
        self.sealing = self.open_epoch()

    def use_places(self) -> None:
        """Fill the set of answers with those of old epochs, as it is on a chain that was mined for a while."""
        first = layouts()["PoraMine"]["storage_layout"]["answer_set"]["places"]["slot"]
        for slot in range(first, first + PLACES):
            self.local.set_storage(self.mine.address, slot, 1)

    def open_epoch(self) -> bytes:
        """Let a month pass and an epoch begin; digest of its context."""
        self.local.wait_for(A_MONTH)
        self.local.mine(EPOCH + 1)
        self.local.send(self.flow.functions.makeContext())
        return bytes(self.flow.functions.getContext().call()[5])

    def prove(self, nonce: int) -> int:
        """Gas of a proof that pays."""
        context = self.flow.functions.getContext().call()
        start = self.local.web3.eth.get_block(context[1])
        subtask = keccak256(context[5], bytes(start["hash"]))
        task = Task(self.miner, subtask, RecallRange(0, CHUNK))
        while True:
            nonce += 1
            recalled = recall(task, nonce.to_bytes(32, "big"))
            if not recalled.position:
                continue
            for number in range(UNITS):
                unit = self.unit(recalled.position + UNIT_SECTORS * number)
                found = quality(number, recalled.seed, mix(unit.sealed, recalled.pad, number))
                if not self.two_hops or passes_gate(found):
                    return self._submit(bytes(context[5]), task, recalled.nonce, unit, number, found)

    def unit(self, position: int) -> Unit:
        """The unit at sector `position`, sealed."""
        data = SECTOR * UNIT_SECTORS if position >> HEIGHT else bytes(UNIT_BYTES)
        return Unit(position, seal(data, self.miner, self.sealing, position))

    def _submit(self, context: bytes, task: Task, nonce: bytes, unit: Unit, number: int, found: bytes) -> int:
        within = (task.range.start, task.range.length, task.range.shard_id, task.range.shard_mask)
        answer = (context, nonce, self.miner, within, unit.position, number, *self._encoded(unit))
        if not self.two_hops:
            return self.local.send(self.mine.functions.submit(answer))
        place = task.range.second_position(found)
        assert place is not None
        return self.local.send(self.mine.functions.submitTwoHops(answer, self._encoded(self.unit(place))))

    def _encoded(self, unit: Unit) -> tuple[Any, ...]:
        words = [unit.sealed[at : at + 32] for at in range(0, UNIT_BYTES, 32)]
        siblings = [self._node(4 + up, (unit.position >> 4 + up) ^ 1) for up in range(LEVELS)]
        return self.sealing, words, siblings

    def _node(self, height: int, index: int) -> bytes:
        if index << height >= 1 << HEIGHT:
            return self.tree[height]
        if index:
            return ZERO_ROOTS[height]
        return bytes(32) if height == 0 else keccak256(self._node(height - 1, 0), ZERO_ROOTS[height - 1])


@dataclass(frozen=True, slots=True)
class Unit:
    """A sealed unit at sector `position`."""

    position: int
    sealed: bytes


def repeated(sector: bytes) -> list[bytes]:
    """Roots of the trees over 1, 2, 4, … times the same sector."""
    roots = [keccak256(sector)]
    for _ in range(HEIGHT):
        roots.append(keccak256(roots[-1], roots[-1]))
    return roots


def proofs(local: LocalChain, two_hops: bool = False) -> Measured:
    """Proofs that are paid out of fees: where no slot was used before, and on a chain that was mined for a while."""
    mined = MinedFlow(local, two_hops)
    name = "storage.pora_submit_two_hops" if two_hops else "storage.pora_submit"
    _, fresh = _epochs(mined, 0)
    mined.use_places()
    opening, later = _epochs(mined, 1 << 32)
    measured = {name: later, f"{name}_new_epoch": opening, f"{name}_fresh": fresh}
    # The bytes of a proof are random, and zeros cost less: the last digits mean nothing.
    return {each: -(-gas // STEP) * STEP for each, gas in measured.items()}


def _epochs(mined: MinedFlow, nonce: int) -> tuple[int, int]:
    """Median gas of the first proof of an epoch, and of the others."""
    first: list[int] = []
    later: list[int] = []
    for epoch in range(EPOCHS):
        gas = [mined.prove(nonce + 10_000 * epoch + 1_000 * each) for each in range(3)]
        first, later = [*first, gas[0]], [*later, *gas[1:]]
        mined.open_epoch()
    return int(median(first)), int(median(later))
