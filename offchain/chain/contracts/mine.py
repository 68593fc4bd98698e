"""The mine: who proves what, and what a proof must reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from offchain.chain.abi import load
from offchain.chain.client import ChainClient
from offchain.chain.types import BlockTag, Log, PreparedCall
from offchain.errors import Invalid
from offchain.protocol.epochs import Context
from offchain.protocol.pora import Parameters, PoraAnswer, SealedUnit
from offchain.protocol.sealing import WORD_BYTES

VIEWER = "0x000000000000000000000000000000000000000A"
"""From whom existing mines answer `computeWorkerContext`; ours answers anybody."""


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What a miner can work on now. `target` is 0 outside of its window and when the epoch is full."""

    context: Context
    target: int
    subtask_digest: bytes
    max_shards: int


@dataclass(frozen=True, slots=True)
class Proven:
    """A proof that the mine accepted."""

    epoch: int
    miner_id: bytes
    number: int
    recall_position: int
    log: Log


class MineContract:
    """`PoraMine` at an address."""

    def __init__(self, client: ChainClient, address: str) -> None:
        """`address` as text."""
        self.client = client
        self._contract = client.contract(address, load("PoraMine"))
        self.address = self._contract.address

    @property
    def topics(self) -> list[list[bytes]]:
        """What to watch for proofs."""
        return [[self._contract.topic("NewSubmission")]]

    def flow(self) -> str:
        """Address of the flow whose data is proven."""
        return str(self._contract.call("flow"))

    def reward(self) -> str:
        """Address of who pays for proofs."""
        return str(self._contract.call("reward"))

    def beneficiary(self, miner_id: bytes) -> str | None:
        """Who receives the rewards of a miner id; None when there is no such id."""
        address = str(self._contract.call("beneficiaries", miner_id))
        return address if int(address, 16) else None

    def parameters(self) -> Parameters:
        """What governs proofs now."""
        call = self._contract.call
        return Parameters(
            subtasks=call("nSubtasks"),
            interval=call("subtaskInterval"),
            mine_blocks=call("targetMineBlocks"),
            max_shards=call("maxShards"),
            wanted=call("targetSubmissions"),
            pricing_sectors=call("pricingChunk"),
            two_hops=bool(call("twoHops")),
        )

    def target(self) -> int:
        """Quality that the last proof had to reach, before scaling by shards."""
        target: int = self._contract.call("poraTarget")
        return target

    def left(self, epoch: int) -> int:
        """Proofs that are still taken in `epoch`, the newest one or a later one."""
        if self._contract.call("lastMinedEpoch") != epoch:
            return 2 * int(self._contract.call("targetSubmissionsNextEpoch"))
        return 2 * int(self._contract.call("targetSubmissions")) - int(self._contract.call("currentSubmissions"))

    def worker_context(self, miner_id: bytes, block: BlockTag = "latest") -> WorkerContext:
        """What `miner_id` can work on, as if the epochs that are due were open."""
        told = self._contract.call("computeWorkerContext", miner_id, block=block, sender=VIEWER)
        context, target, digest, shards = told
        return WorkerContext(_context(context), target, bytes(digest), shards)

    def request_id(self, beneficiary: str, seed: int) -> PreparedCall:
        """A transaction that makes a miner id."""
        return self._contract.prepare("requestMinerId", beneficiary, seed)

    def transfer(self, miner_id: bytes, to: str) -> PreparedCall:
        """A transaction that lets the rewards of a miner id go to `to`."""
        return self._contract.prepare("transferBeneficial", to, miner_id)

    def submit(self, answer: PoraAnswer) -> PreparedCall:
        """A transaction that proves `answer`."""
        within = answer.range
        encoded = (
            answer.context_digest,
            answer.nonce,
            answer.miner_id,
            (within.start, within.length, within.shard_id, within.shard_mask),
            answer.recall_position,
            answer.seal_offset,
            *_encoded(answer.unit),
        )
        if answer.second is None:
            return self._contract.prepare("submit", encoded)
        return self._contract.prepare("submitTwoHops", encoded, _encoded(answer.second))

    def made_id(self, logs: Iterable[Log]) -> bytes:
        """The miner id that a transaction with these logs made; Invalid when it made none."""
        topic = self._contract.topic("NewMinerId")
        for log in logs:
            if log.address == self.address and log.topics[:1] == (topic,):
                return bytes(log.topics[1])
        raise Invalid("the transaction made no miner id")

    def proven(self, logs: Iterable[Log]) -> list[Proven]:
        """Proofs in `logs`, in order."""
        topic, found = self._contract.topic("NewSubmission"), []
        for log in logs:
            if log.address == self.address and log.topics[:1] == (topic,):
                told = self._contract.decode(log).arguments
                miner_id, number = bytes(told["minerId"]), told["epochIndex"]
                found.append(Proven(told["epoch"], miner_id, number, told["recallPosition"], log))
        return found


def _context(told: Any) -> Context:
    epoch, start, root, length, block_digest, digest = told
    return Context(epoch, start, bytes(root), length, bytes(block_digest), bytes(digest))


def _encoded(unit: SealedUnit) -> tuple[bytes, list[bytes], list[bytes]]:
    words = [unit.data[at : at + WORD_BYTES] for at in range(0, len(unit.data), WORD_BYTES)]
    return unit.context_digest, words, list(unit.proof)
