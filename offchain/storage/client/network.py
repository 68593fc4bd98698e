"""The nodes that a client works with: named by the user or by an indexer, and checked to follow the same flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from offchain.errors import Invalid, NotFound, PeerUnavailable, RemoteRefused, WrongChain, ZgError
from offchain.net.http_client import HttpClient, shown
from offchain.protocol.shards import Shard, select
from offchain.protocol.submission import check
from offchain.storage.client.choice import ONLY, Ambiguous, Which, listed
from offchain.storage.client.indexer import IndexerClient
from offchain.storage.client.node import Identity, NodeClient, NodeStatus
from offchain.storage.wire import FileInfo

T = TypeVar("T")
R = TypeVar("R")

ASKED_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Node:
    """A node that answers: its client, what it holds, whether it speaks frames."""

    client: NodeClient
    shard: Shard
    status: NodeStatus
    framed: bool

    @property
    def url(self) -> str:
        """Its address."""
        return self.client.url


@dataclass(frozen=True, slots=True)
class Holder:
    """A node, and what it says of a file."""

    node: Node
    info: FileInfo


class Network:
    """Nodes by URL, asked once and remembered."""

    def __init__(
        self,
        urls: Sequence[str],
        indexer: str | None,
        seconds: float = 30.0,
        frames: bool = True,
        identity: Identity | None = None,
    ) -> None:
        """`urls` of nodes, or the URL of an `indexer`, or both; Invalid without either.

        Without `frames` only the public RPC is used, as with nodes of other implementations. `identity` is the flow
        that nodes have to follow; without it, that of most of them.
        """
        if not urls and not indexer:
            raise Invalid("no nodes are known: name at least one node, or an indexer")
        self._urls = list(dict.fromkeys(urls))
        self._seconds = seconds
        self._frames = frames
        self._identity = identity
        self._indexer = IndexerClient(HttpClient(indexer, seconds)) if indexer else None
        self._nodes: dict[str, Node] = {}
        self.problems: dict[str, str] = {}
        """Why nodes could not be used, by URL."""

    def nodes(self) -> list[Node]:
        """All nodes that answer and follow the flow; what others follow is told as their problem.

        PeerUnavailable when none answers, WrongChain when none follows the flow, or no flow has most of the nodes.
        """
        found = self.answering()
        identity = self._identity or _of_most(found)
        ours = [node for node in found if node.status.identity == identity]
        strays = {node.url: _followed(node) for node in found if node.status.identity != identity}
        self.problems |= strays
        if not ours:
            raise WrongChain("; ".join(strays.values()))
        return ours

    def answering(self) -> list[Node]:
        """All nodes that answer, whatever flow they follow; PeerUnavailable when none does."""
        urls = self._urls or [url for url, _ in self._indexed()]
        found = list({node.url: node for node in gathered(self._node, urls) if node}.values())
        if not found:
            reasons = "".join(f"\n  {url}: {problem}" for url, problem in self.problems.items())
            raise PeerUnavailable(f"no storage node can be used:{reasons or ' the indexer lists none'}")
        return found

    def for_upload(self, replicas: int) -> list[Node]:
        """Nodes that together hold everything `replicas` times; NotFound when there are not enough."""
        nodes = self.nodes()
        chosen = select([(node.url, node.shard) for node in nodes], replicas)
        if chosen is None:
            raise NotFound(f"{len(nodes)} nodes cannot hold {replicas} replicas: ask for fewer, or name more nodes")
        return [node for node in nodes if node.url in chosen]

    def holders(self, root: bytes, which: Which = ONLY) -> list[Holder]:
        """Nodes that have the whole file `root` as far as their shard goes.

        NotFound when none has it; Ambiguous when several files have that root and it is not said which one is meant.
        """
        likely = self._likely(root)
        answers = self._told(root, which, likely)
        complete = complete_ones(root, answers, which)
        if not complete and self._indexer and not self._urls:
            # An indexer names nodes by root alone, and remembers them: others may have the file that is meant.
            others = [node for node in self.nodes() if node not in likely]
            answers += self._told(root, which, others)
            complete = complete_ones(root, answers, which)
        if not complete:
            raise _missing(root, which, [holder.info for holder in answers])
        return complete

    def close(self) -> None:
        """Close all connections."""
        for node in self._nodes.values():
            node.client.close()
        if self._indexer:
            self._indexer.close()

    def _likely(self, root: bytes) -> list[Node]:
        """Nodes to ask for a file: those that the indexer names, else all."""
        if self._indexer and not self._urls:
            with suppress(PeerUnavailable, RemoteRefused):
                located = [url for url, _ in self._indexer.holders(root)]
                if located:
                    return [node for node in gathered(self._node, located) if node]
        return self.nodes()

    def _indexed(self) -> list[tuple[str, Shard]]:
        return self._indexer.nodes() if self._indexer else []

    def _node(self, url: str) -> Node | None:
        if url not in self._nodes:
            try:
                client = NodeClient(HttpClient(url, self._seconds))
                self._nodes[url] = Node(
                    client, client.shard(), client.status(), self._frames and client.speaks_frames()
                )
            except ZgError as error:
                self.problems[shown(url)] = str(error)
        return self._nodes.get(url)

    def _told(self, root: bytes, which: Which, nodes: Sequence[Node]) -> list[Holder]:
        return [holder for told in gathered(lambda node: self._asked(node, root, which), nodes) for holder in told]

    def _asked(self, node: Node, root: bytes, which: Which) -> list[Holder]:
        try:
            return [Holder(node, info) for info in which.ask(node.client, node.framed, root)]
        except (PeerUnavailable, RemoteRefused) as error:
            self.problems[node.url] = str(error)
            return []


def _of_most(nodes: Sequence[Node]) -> Identity:
    """The flow that more than half of `nodes` follow; WrongChain when there is none."""
    identity, count = Counter(node.status.identity for node in nodes).most_common(1)[0]
    if 2 * count <= len(nodes):
        other = next(node for node in nodes if node.status.identity != nodes[0].status.identity)
        raise WrongChain(f"{nodes[0].url} and {other.url} follow different flows: name nodes of one network")
    return identity


def _followed(node: Node) -> str:
    return f"{node.url} follows {node.status.flow} on chain {node.status.chain_id}"


def gathered(function: Callable[[T], R], items: Iterable[T], at_once: int = ASKED_AT_ONCE) -> list[R]:
    """Results of `function` for all `items`, in order, `at_once` of them asked side by side."""
    listed = list(items)
    with ThreadPoolExecutor(min(len(listed), at_once) or 1) as pool:
        return list(pool.map(function, listed))


def complete_ones(root: bytes, answers: Iterable[Holder], which: Which = ONLY) -> list[Holder]:
    """Those of `answers` that have all of the file that is meant; Ambiguous when that may be files of several sizes.

    One that is not complete counts too: whoever asks by root alone must not get what somebody else had ready first.
    """
    meant = [holder for holder in answers if _is_of(holder.info, root) and which.means(holder.info)]
    if len({holder.info.size for holder in meant}) > 1:
        raise Ambiguous(root, [holder.info for holder in meant])
    return [holder for holder in meant if holder.info.finalized]


def _missing(root: bytes, which: Which, told: Sequence[FileInfo]) -> NotFound:
    """Why no node has a file, as far as they tell."""
    name = f"0x{root.hex()}{which}"
    if any(_is_of(info, root) and which.means(info) for info in told):
        return NotFound(f"no node has {name} yet: it was submitted, but no node has all of it")
    others = [info for info in told if _is_of(info, root)]
    if others:
        return NotFound(f"no node has {name}; files with this root are:\n{listed(others)}")
    if which.seq is not None and told:
        return NotFound(f"no node has {name}: that is a submission of 0x{told[0].root.hex()}")
    return NotFound(f"no node has {name}")


def _is_of(info: FileInfo, root: bytes) -> bool:
    """Whether what a node says of a file can be true: its nodes make up the root, its size fits them."""
    try:
        check(info.submission)
    except Invalid:
        return False
    return info.root == root
