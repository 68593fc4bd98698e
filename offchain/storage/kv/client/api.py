"""The key-value client for Python programs.

    from offchain.storage.kv.client.api import KvClient
    from offchain.storage.kv.client.batch import Batch, new_stream

    with KvClient(["http://127.0.0.1:6789"], indexer="http://127.0.0.1:12345", rpc=..., account=..., flow=...) as kv:
        stream = new_stream()
        kv.commit(Batch().put(stream, b"greeting", b"hello")).check()
        kv.get(stream, b"greeting").data

        def deposit(transaction):
            balance = int(transaction.get(stream, b"balance") or b"0")
            transaction.put(stream, b"balance", b"%d" % (balance + 10))

        kv.transact(deposit)

Every answer is proven against the root of its stream's state; of two servers or more, two have to tell the same root.
With the RPC of a chain, evidence says how many submissions of the flow a server had yet to decide. Nothing is paid
twice. Methods raise subclasses of `offchain.errors.ZgError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.sender import SendPolicy
from offchain.errors import BadSettings, Busy, WrongChain
from offchain.net.http_client import HttpClient
from offchain.protocol.encryption import Opener
from offchain.protocol.kv.stream_data import UNCHECKED, StreamData
from offchain.storage.client.api import StorageClient, agree_to_all
from offchain.storage.client.network import Network
from offchain.storage.client.node import NodeStatus
from offchain.storage.client.payment import Agree
from offchain.storage.client.progress import Progress, silent
from offchain.storage.client.seeds import Encryption
from offchain.storage.client.wallet import Wallet, default_state
from offchain.storage.kv.client.batch import Batch
from offchain.storage.kv.client.content import Contents
from offchain.storage.kv.client.evidence import Entry, Moment, Value
from offchain.storage.kv.client.freshness import Freshness
from offchain.storage.kv.client.outbox import Outbox
from offchain.storage.kv.client.panel import Panel
from offchain.storage.kv.client.publish import Publisher
from offchain.storage.kv.client.reader import Reader
from offchain.storage.kv.client.sealing import Sealer
from offchain.storage.kv.client.server import KvServer, ServerStatus
from offchain.storage.kv.client.transaction import Conflict, Outcome, Transaction
from offchain.storage.kv.client.watch import Change, Watcher
from offchain.storage.kv.client.writer import Writer

T = TypeVar("T")

ATTEMPTS = 10
SECONDS = 10.0  # within which a server must answer


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a transaction's function returned, and the outcome; None when it wrote nothing."""

    value: T
    outcome: Outcome | None


class KvClient:
    """Streams of one network. Reading needs servers; writing also storage nodes or an indexer, an RPC, an account."""

    def __init__(
        self,
        servers: Sequence[str],
        nodes: Sequence[str] = (),
        indexer: str | None = None,
        rpc: str | None = None,
        account: Account | None = None,
        *,
        flow: str | None = None,
        quorum: int | None = None,
        unproven: bool = False,
        replicas: int = 1,
        encryption: Encryption | None = None,
        openers: Iterable[Opener] = (),
        state: Path | None = None,
        policy: SendPolicy | None = None,
        patience: float = 60.0,
        progress: Progress = silent,
    ) -> None:
        """`flow` pins the contract, or else a server may name one in which it is not behind.

        `quorum` servers have to agree, two by default where there are two.
        `unproven` believes the first server, as is needed with other implementations. What is written is stored
        `replicas` times, with `encryption` for servers that have the key; `openers` decrypt what `watch` downloads.
        `state` holds journals of payments, `policy` bounds gas prices, `patience` in seconds is for servers behind.
        """
        self._panel = Panel([KvServer(HttpClient(url, SECONDS)) for url in servers], quorum, flow, patience)
        self._chain = ChainClient(rpc) if rpc else None
        self._reader = Reader(self._panel, Freshness(self._chain) if self._chain else None, unproven)
        self._unproven = unproven
        self._places = tuple(nodes), indexer
        self._network = Network(nodes, indexer) if nodes or indexer else None
        self._account = account
        self._flow = flow
        self._replicas = replicas
        self._sealer = Sealer(encryption)
        self._openers = tuple(openers)
        self._state = state or default_state()
        self._policy = policy
        self._progress = progress

    @property
    def problems(self) -> list[str]:
        """What went wrong with single servers, and was overcome."""
        return self._panel.problems

    def get(self, stream: bytes, key: bytes, at: int | None = None) -> Value:
        """What `key` holds now, or held after sequence number `at`; without data where there is nothing."""
        return self._reader.get(stream, key, at)

    def versions(self, stream: bytes, key: bytes) -> Iterator[Value]:
        """All that `key` held, from the newest on, deletions included; as far back as servers can prove it."""
        return self._reader.versions(stream, key)

    def items(
        self,
        stream: bytes,
        first: bytes | None = None,
        last: bytes | None = None,
        reverse: bool = False,
        at: int | None = None,
    ) -> Iterator[Entry]:
        """Keys with values in order, from `first` to `last` inclusive, all of one moment; `reverse` turns the order."""
        return self._reader.items(stream, first, last, reverse, at)

    def moment(self, stream: bytes, at: int | None = None) -> Moment:
        """The newest moment of `stream` that servers agree about, or the one after sequence number `at`."""
        return self._reader.moment(stream, at)

    def is_admin(self, stream: bytes, account: str, at: int | None = None) -> bool:
        """Whether `account` may write every key and change rights; nobody may before the first submission."""
        return self._reader.is_admin(stream, account, at)

    def is_writer(self, stream: bytes, account: str, key: bytes | None = None, at: int | None = None) -> bool:
        """Whether `account` was granted the normal keys, or the special `key`."""
        return self._reader.is_writer(stream, account, key, at)

    def is_special(self, stream: bytes, key: bytes, at: int | None = None) -> bool:
        """Whether `key` has writers of its own."""
        return self._reader.is_special(stream, key, at)

    def may_write(self, stream: bytes, account: str, key: bytes, at: int | None = None) -> bool:
        """Whether a submission of `account` that writes `key` would be let through."""
        return self._reader.may_write(stream, account, key, at)

    def watch(self, stream: bytes, key: bytes | None = None, since: int | None = None) -> Iterator[Change]:
        """Changes of a key or of a whole stream after sequence number `since`, after now by default; for ever."""
        if self._unproven:
            raise BadSettings("watching needs servers that prove what they say")
        watcher = Watcher(self._panel, self._reader)
        return self._watch(watcher, stream, since) if key is None else watcher.key(stream, key, since)

    def commit(self, batch: Batch, agree: Agree = agree_to_all, version: int | None = None) -> Outcome:
        """Send a batch and wait for its outcome. `agree` is shown the price, unless an earlier run has paid.

        With `version` it conflicts with whatever was written to its keys after that sequence number.
        """
        return self._send(batch.data(UNCHECKED if version is None else version), agree)

    def begin(self, agree: Agree = agree_to_all) -> Transaction:
        """A transaction: read and write, then `commit` it."""
        transaction = Transaction(self._reader.get, lambda data: self._send(data, agree))
        if self._unproven:
            applied = self._panel.believed(lambda server: server.applied())
            if not applied:
                raise Busy("the server has decided nothing yet: put something without a transaction first")
            transaction.version = applied - 1
        return transaction

    def transact(
        self, change: Callable[[Transaction], T], agree: Agree = agree_to_all, attempts: int = ATTEMPTS
    ) -> Done[T]:
        """Let `change` read and write until it commits without conflict; it is called anew for each attempt.

        Raises Conflict after `attempts`, each of which is paid for, NotCommitted when a right is missing.
        """
        for left in range(attempts - 1, -1, -1):
            transaction = self.begin(agree)
            value = change(transaction)
            outcome = transaction.commit()
            if outcome is None:
                return Done(value, None)
            try:
                return Done(value, outcome.check())
            except Conflict:
                if not left:
                    raise
        raise ValueError("a transaction needs at least one attempt")

    def close(self) -> None:
        """Close all connections."""
        self._panel.close()
        if self._network:
            self._network.close()

    def __enter__(self) -> Self:
        """The client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _send(self, data: StreamData, agree: Agree) -> Outcome:
        if self._network is None or self._chain is None or self._account is None:
            raise BadSettings("writing needs storage nodes or an indexer, the RPC of a chain, and an account that pays")
        if self._flow is None:
            raise BadSettings("writing needs the address of Flow: nodes and servers must not choose who is paid")
        wallet = Wallet(self._chain, self._account, self._state, self._flow, self._policy)
        publisher = Publisher(self._network, wallet.open, self._replicas, self._progress)
        outbox = Outbox(self._state / "kv" / self._followed(self._network) / self._account.address.lower())
        return Writer(self._panel, publisher, outbox, self._sealer, self._unproven).commit(data, agree)

    def _watch(self, watcher: Watcher, stream: bytes, since: int | None) -> Iterator[Change]:
        nodes, indexer = self._places
        with StorageClient(nodes, indexer) as storage:
            yield from watcher.stream(stream, Contents(storage, self._openers), since)

    def _followed(self, network: Network) -> str:
        """Name of the flow that nodes and servers follow; WrongChain when these are two."""
        nodes = network.for_upload(self._replicas)
        node, name = nodes[0], _name(nodes[0].status)
        if not self._unproven and _name(server := self._panel.status()) != name:
            raise WrongChain(
                f"the key-value servers follow the flow {server.flow} on chain {server.chain_id}, {node.url} follows "
                f"{node.status.flow} on chain {node.status.chain_id}: name those of one network"
            )
        return name


def _name(status: ServerStatus | NodeStatus) -> str:
    return f"{status.chain_id}-{status.flow.lower()}"
