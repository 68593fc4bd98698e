"""The append-only log of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from offchain.chain.abi import load
from offchain.chain.client import ChainClient
from offchain.chain.contract import Event
from offchain.chain.types import BlockTag, Log, PreparedCall
from offchain.errors import ChainInconsistent
from offchain.protocol.submission import Node, Submission


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission as the chain recorded it. `sender` is who it names, `caller` who sent it."""

    seq: int
    sender: str
    caller: str
    identity: bytes
    start: int
    sectors: int
    submission: Submission
    log: Log


@dataclass(frozen=True, slots=True)
class Opened:
    """A mining epoch that was opened when the flow had `length` sectors, under `root`; `digest` is its context's."""

    epoch: int
    root: bytes
    length: int
    digest: bytes
    log: Log


class FlowContract:
    """`Flow` at an address."""

    def __init__(self, client: ChainClient, address: str) -> None:
        """`address` as text."""
        self.client = client
        self._contract = client.contract(address, load("Flow"))
        self.address = self._contract.address

    @property
    def topics(self) -> list[list[bytes]]:
        """What to watch for submissions."""
        return [[self._contract.topic("Submit"), self._contract.topic("SubmissionCaller")]]

    @property
    def topics_with_epochs(self) -> list[list[bytes]]:
        """What to watch for submissions and for epochs."""
        return [[*self.topics[0], self._contract.topic("NewEpoch")]]

    def market(self) -> str:
        """Address of the market."""
        return str(self._contract.call("market"))

    def price_per_sector(self) -> int:
        """Wei for one sector."""
        price: int = self._contract.call("pricePerSector")
        return price

    def pending_fees(self, block: BlockTag = "latest") -> int:
        """Wei that were charged and not settled yet."""
        fees: int = self._contract.call("pendingFees", block=block)
        return fees

    def submissions(self) -> int:
        """Number of submissions."""
        count: int = self._contract.call("numSubmissions")
        return count

    def length(self) -> int:
        """Sectors in the flow."""
        length: int = self._contract.call("tree")[0]
        return length

    def first_block(self) -> int:
        """Block in which the flow starts; WrongChain when this is no flow."""
        block: int = self._contract.call("firstBlock")
        return block

    def root_after(self, seq: int, block: BlockTag = "latest") -> bytes:
        """Root of the flow just after submission `seq`, zeros when there is none."""
        return bytes(self._contract.call("getFlowRootByTxSeq", seq, block=block))

    def blocks_per_epoch(self) -> int:
        """Blocks of a mining epoch."""
        blocks: int = self._contract.call("blocksPerEpoch")
        return blocks

    def epoch(self) -> int:
        """The mining epoch that was opened last."""
        epoch: int = self._contract.call("epoch")
        return epoch

    def sealed_by(self, digest: bytes, block: BlockTag = "latest") -> tuple[int, int]:
        """The first sector that a context seals and the one behind the last; zeros for an unknown context."""
        start, end = self._contract.call("getEpochRange", digest, block=block)
        return start, end

    def paused(self) -> bool:
        """Whether submissions are refused now."""
        return bool(self._contract.call("paused"))

    def submit(self, submissions: Sequence[Submission], submitter: str, fee: int) -> PreparedCall:
        """A transaction that submits one file or a batch for `fee` wei."""
        named = [(_encoded(each), submitter) for each in submissions]
        if len(named) == 1:
            return self._contract.prepare("submit", named[0], value=fee)
        return self._contract.prepare("batchSubmit", named, value=fee)

    def open_epochs(self) -> PreparedCall:
        """A transaction that opens the epochs that are due."""
        return self._contract.prepare("makeContext")

    def speaks(self, log: Log) -> bool:
        """Whether `log` tells of a submission to this flow."""
        return log.address == self.address and bool(log.topics) and log.topics[0] in self.topics[0]

    def submitted(self, logs: Iterable[Log]) -> list[Submitted]:
        """Submissions in `logs`, in order; ChainInconsistent when a caller has no submission before it."""
        found: list[Submitted] = []
        for log in logs:
            event = self._contract.decode(log)
            if event.name == "Submit":
                found.append(_decoded(event))
            elif event.name == "SubmissionCaller":
                found = _with_caller(found, event)
        return found

    def opened(self, logs: Iterable[Log]) -> list[Opened]:
        """Epochs that `logs` tell of, in order."""
        events = (self._contract.decode(log) for log in logs)
        return [_opened(event) for event in events if event.name == "NewEpoch"]


def _encoded(submission: Submission) -> tuple[Any, ...]:
    return submission.length, submission.tags, [(node.root, node.height) for node in submission.nodes]


def _decoded(event: Event) -> Submitted:
    told = event.arguments
    data = told["submission"]
    nodes = tuple(Node(bytes(node["root"]), node["height"]) for node in data["nodes"])
    return Submitted(
        seq=told["submissionIndex"],
        sender=told["sender"],
        caller=told["sender"],
        identity=bytes(told["identity"]),
        start=told["startPos"],
        sectors=told["length"],
        submission=Submission(data["length"], bytes(data["tags"]), nodes),
        log=event.log,
    )


def _opened(event: Event) -> Opened:
    told = event.arguments
    root, digest = bytes(told["startMerkleRoot"]), bytes(told["context"])
    return Opened(told["index"], root, told["flowLength"], digest, event.log)


def _with_caller(found: list[Submitted], event: Event) -> list[Submitted]:
    last = found[-1] if found else None
    if last is None or last.seq != event.arguments["submissionIndex"]:
        raise ChainInconsistent(f"block {event.log.block_number} names a caller without its submission")
    return [*found[:-1], replace(last, caller=event.arguments["caller"])]
