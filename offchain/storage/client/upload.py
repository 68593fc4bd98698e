"""Uploads: files that nodes have or the flow knows are not paid again, segments that a node has are not sent again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from offchain.errors import Invalid, PeerUnavailable
from offchain.protocol.fragments import DEFAULT_FRAGMENT
from offchain.protocol.sectors import segment_data_length
from offchain.protocol.shards import owned_segments
from offchain.storage.client.ahead import ahead
from offchain.storage.client.choice import Which
from offchain.storage.client.intents import Wanted
from offchain.storage.client.network import ASKED_AT_ONCE, Network, Node, gathered
from offchain.storage.client.node import NodeStatus
from offchain.storage.client.patience import Sleep, again
from offchain.storage.client.payment import Agree, Paid, Payments
from offchain.storage.client.progress import Counter, Progress, silent
from offchain.storage.client.seeds import Encryption
from offchain.storage.client.source import Source
from offchain.storage.wire import FileInfo

RUN_SEGMENTS = 16  # sent with one request through the binary endpoint
RPC_SEGMENTS = 4  # sent with one request through the public RPC
THREADS = 4
LOOK_SECONDS = 0.05

Wallet = Callable[[NodeStatus], AbstractContextManager[Payments]]
"""Opens what pays for files in the flow that a node follows."""


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """`replicas` of everything; `patience` in seconds for nodes to see a transaction.

    `tags` for readers of the log stand in the submission: what has some is submitted, and paid, although nodes may know
    the data already; not twice with the same ones from the same account.

    Files above `fragment` bytes, rounded up to a power of two, are stored as several.
    """

    replicas: int = 1
    tags: bytes = b""
    patience: float = 120.0
    wait_finalized: bool = True
    fragment: int = DEFAULT_FRAGMENT
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A fragment in the network. `transaction_hash` is empty when nothing had to be paid."""

    root: bytes
    size: int
    seq: int
    transaction_hash: str


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Files in the network, most often one: its fragments in order, and the nodes that hold them."""

    fragments: tuple[Stored, ...]
    nodes: tuple[str, ...]

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The roots of its fragments, in order."""
        return tuple(fragment.root for fragment in self.fragments)

    @property
    def root(self) -> bytes:
        """Its only root; Invalid when it has several."""
        return self._only.root

    @property
    def seq(self) -> int:
        """The sequence number of its only fragment; Invalid when it has several."""
        return self._only.seq

    @property
    def transaction_hash(self) -> str:
        """The transaction that announced its only fragment, empty when nothing was paid; Invalid for several."""
        return self._only.transaction_hash

    @property
    def size(self) -> int:
        """Bytes that are stored."""
        return sum(fragment.size for fragment in self.fragments)

    @property
    def _only(self) -> Stored:
        if len(self.fragments) != 1:
            raise Invalid(
                f"this file has {len(self.fragments)} fragments: use .roots, or the root, seq and transaction_hash "
                "of each of .fragments"
            )
        return self.fragments[0]


class Uploader:
    """Puts files into a network and pays for them."""

    def __init__(
        self, network: Network, wallet: Wallet, progress: Progress = silent, sleep: Sleep = time.sleep
    ) -> None:
        """`wallet` is opened only when something may have to be paid; `progress` is told of every stage."""
        self._network = network
        self._wallet = wallet
        self._progress = progress
        self._sleep = sleep

    def upload(self, sources: Sequence[Source], options: UploadOptions, agree: Agree) -> Uploaded:
        """Upload fragments of files; returns them in order. The same one twice is uploaded once.

        Raises Declined, InsufficientFunds, TransactionReverted, NotFound when nodes are missing, PeerUnavailable.
        Doing the same again after any error goes on where this one stopped.
        """
        nodes = self._network.for_upload(options.replicas)
        distinct = _distinct(sources)
        announced = self._announce(distinct, nodes, options, agree)
        self._transfer(distinct, announced, nodes, options)
        stored = {
            each.root: Stored(each.root, each.size, announced[each.root].seq, announced[each.root].transaction_hash)
            for each in distinct
        }
        return Uploaded(tuple(stored[each.root] for each in sources), tuple(node.url for node in nodes))

    def _announce(
        self, sources: Sequence[Source], nodes: Sequence[Node], options: UploadOptions, agree: Agree
    ) -> dict[bytes, Paid]:
        """Submissions of all files: those that nodes know, those paid for earlier, those paid for now."""
        # Nodes do not tell the tags of what they know: only the journal and the chain do.
        infos = [] if options.tags else gathered(lambda each: self._known(each, nodes), sources)
        announced = {info.root: Paid(info.seq, "") for info in infos if info}
        wanted = [each.wanted(options.tags) for each in sources if each.root not in announced]
        if wanted:
            for source in sources:
                source.check()  # what changed while the others were hashed is not worth paying for
            with self._wallet(nodes[0].status) as payments:
                announced |= self._pay(payments, wanted, agree)
        return announced

    def _pay(self, payments: Payments, wanted: Sequence[Wanted], agree: Agree) -> dict[bytes, Paid]:
        announced = payments.recall(wanted)
        unpaid = [each for each in wanted if each.root not in announced]
        if unpaid:
            counter = Counter(self._progress, "pay", sum(each.submission.length for each in unpaid))
            announced |= payments.pay(unpaid, agree)
            counter.add(sum(each.submission.length for each in unpaid))
        return announced

    def _known(self, source: Source, nodes: Sequence[Node]) -> FileInfo | None:
        """What a node knows of a file with the same root and size."""
        which = Which(source.size)
        for node in nodes:
            told = again(partial(which.ask, node.client, node.framed, source.root, False), self._sleep)
            found = [info for info in told if _is_of(info, source)]
            if found:
                return found[0]
        return None

    def _transfer(
        self, sources: Sequence[Source], announced: dict[bytes, Paid], nodes: Sequence[Node], options: UploadOptions
    ) -> None:
        counter = Counter(self._progress, "upload", sum(source.size for source in sources) * len(nodes))
        pairs = ((source, node) for source in sources for node in nodes)
        gaps = ahead(
            lambda pair: self._look(pair[0], announced[pair[0].root].seq, pair[1], options), pairs, ASKED_AT_ONCE
        )
        # One after the other in order, yet many at once: of files that come later little is looked at before its time.
        for sent in ahead(lambda run: run.send(self._sleep), _runs(gaps, counter), THREADS):
            counter.add(sent)
        if options.wait_finalized:
            self._wait_finalized(sources, announced, nodes, options)

    def _look(self, source: Source, seq: int, node: Node, options: UploadOptions) -> _Gap:
        """What a node lacks of a file, once it knows the submission."""
        info = self._seen(source, seq, node, options)
        if info.finalized:
            return _Gap(source, seq, node, ())
        owned = owned_segments(node.shard, info.start, source.size)
        lacking = again(lambda: node.client.missing(source.root, source.size), self._sleep) if node.framed else owned
        return _Gap(source, seq, node, tuple(index for index in lacking if index in owned))

    def _seen(self, source: Source, seq: int, node: Node, options: UploadOptions) -> FileInfo:
        deadline = time.monotonic() + options.patience
        while True:
            info = again(partial(node.client.file_by_seq, seq), self._sleep)
            if info and _is_of(info, source):
                return info
            if info:
                raise Invalid(f"{node.url} has another file as submission {seq}: does it follow the same flow?")
            if time.monotonic() > deadline:
                height = node.client.status().height
                raise PeerUnavailable(
                    f"{node.url} has not seen submission {seq} within {options.patience:g} s; it is at block {height}. "
                    "The transaction is paid for: run the same upload again later"
                )
            self._sleep(LOOK_SECONDS)

    def _wait_finalized(
        self, sources: Sequence[Source], announced: dict[bytes, Paid], nodes: Sequence[Node], options: UploadOptions
    ) -> None:
        counter = Counter(self._progress, "finalize", len(sources) * len(nodes))
        deadline = time.monotonic() + options.patience
        for source in sources:
            for node in nodes:
                while not self._is_finalized(source, announced[source.root].seq, node):
                    if time.monotonic() > deadline:
                        raise PeerUnavailable(f"{node.url} took all of {source.name} and does not finalize it")
                    self._sleep(LOOK_SECONDS)
                counter.add(1)

    def _is_finalized(self, source: Source, seq: int, node: Node) -> bool:
        info = again(partial(node.client.file_by_seq, seq), self._sleep)
        return bool(info and _is_of(info, source) and info.finalized)


@dataclass(frozen=True, slots=True)
class _Gap:
    """What a node lacks of a file."""

    source: Source
    seq: int
    node: Node
    missing: tuple[int, ...]

    @property
    def there(self) -> int:
        """Bytes that need not be sent."""
        lacking = sum(segment_data_length(self.source.size, index) for index in self.missing)
        return max(self.source.size - lacking, 0)


@dataclass(frozen=True, slots=True)
class _Run:
    """Segments that are sent with one request."""

    gap: _Gap
    indices: tuple[int, ...]

    def send(self, sleep: Sleep) -> int:
        """Send them; returns their bytes."""
        source, node = self.gap.source, self.gap.node
        segments = [source.segment(index) for index in self.indices]
        if node.framed:
            again(lambda: node.client.send(segments), sleep)
        else:
            proven = [(segment, source.leaf(segment.index)) for segment in segments]
            again(lambda: node.client.upload(proven, self.gap.seq), sleep)
        return sum(len(segment.data) for segment in segments)


def _runs(gaps: Iterator[_Gap], counter: Counter) -> Iterator[_Run]:
    for gap in gaps:
        counter.add(gap.there)
        count = RUN_SEGMENTS if gap.node.framed else RPC_SEGMENTS
        for at in range(0, len(gap.missing), count):
            yield _Run(gap, gap.missing[at : at + count])


def _is_of(info: FileInfo, source: Source) -> bool:
    """Whether a node speaks of the same file: a root alone may be that of several."""
    return (info.root, info.size) == (source.root, source.size)


def _distinct(sources: Sequence[Source]) -> list[Source]:
    """Each file once; Invalid for two that the network could not tell apart."""
    found: dict[bytes, Source] = {}
    for source in sources:
        twin = found.setdefault(source.root, source)
        if twin.size != source.size:
            names = f"{twin.name} and {source.name}"
            raise Invalid(f"{names} differ only in zeros at their end and have the same root: store one of them")
    return list(found.values())
