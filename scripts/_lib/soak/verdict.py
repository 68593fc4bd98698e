"""What must be true of a network after a soak. Each check takes plain facts and tells what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scripts._lib.books import Books

Place = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Copy:
    """A file at a node: whether the node once `promised` to have it and has it all; `problem` with what it sends."""

    file: str
    node: str
    promised: bool
    held: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What somebody takes for the state of all streams: one root over all, and the root of each stream."""

    teller: str
    root: str
    streams: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Accounts:
    """Wei: `charged` by the flow for all submissions, `withdrawn` from the reward; `distributed` to miners by it."""

    books: Books
    charged: int
    withdrawn: int
    distributed: int


@dataclass(frozen=True, slots=True)
class Mined:
    """What a miner did: epochs in which a proof was accepted, wei it earned, wei it has not withdrawn."""

    name: str
    epochs: int
    earned: int
    owed: int


def copies(found: Sequence[Copy]) -> Iterator[str]:
    """Every file is held by whoever said so, by one node at least, and comes back from each as it was."""
    for copy in found:
        if copy.promised and not copy.held:
            yield f"{copy.file}: {copy.node} said that it has it, and does not"
        if copy.problem:
            yield f"{copy.file} from {copy.node}: {copy.problem}"
    held = {copy.file for copy in found if copy.held}
    yield from (f"{file}: no node has it" for file in dict.fromkeys(copy.file for copy in found) if file not in held)


def payments(roots: Sequence[bytes]) -> Iterator[str]:
    """Each file was announced, and paid for, once."""
    for root, count in Counter(roots).items():
        if count > 1:
            seqs = [seq for seq, each in enumerate(roots) if each == root]
            yield f"0x{root.hex()} was announced {count} times, as submissions {seqs}"


def states(told: Sequence[State]) -> Iterator[str]:
    """All have the same state."""
    first = told[0]
    for other in told[1:]:
        if other.root != first.root:
            yield f"state root: {first.teller} {first.root}, {other.teller} {other.root}"
        for stream in sorted({*first.streams, *other.streams}):
            one, two = first.streams.get(stream), other.streams.get(stream)
            if one != two:
                yield f"root of stream {stream}: {first.teller} {one}, {other.teller} {two}"


def values(expected: Mapping[Place, bytes], read: Mapping[Place, bytes]) -> Iterator[str]:
    """Every key holds what was committed to it last."""
    for (stream, key), data in sorted(expected.items()):
        found = read.get((stream, key), b"")
        if found != data:
            where = f"key {key.decode()} of stream 0x{stream.hex()}"
            yield f"{where}: committed {_shown(data)}, read {_shown(found)}"


def accounts(told: Accounts) -> Iterator[str]:
    """Every wei that was charged is in the contracts or with the miners, and the contracts know whose it is."""
    books = told.books
    if told.charged != books.balance + told.withdrawn:
        yield f"charged {told.charged} wei, in the contracts {books.balance}, withdrawn {told.withdrawn}"
    if books.balance != books.accounted:
        yield f"the contracts hold {books.balance} wei and account for {books.accounted}: {books}"
    if told.distributed != told.withdrawn + books.owed_to_miners:
        parts = f"withdrawn {told.withdrawn}, owed {books.owed_to_miners}"
        yield f"miners were given {told.distributed} wei, of which {parts}"


def miners(told: Sequence[Mined]) -> Iterator[str]:
    """Everybody answered epochs, earned something, and has it."""
    for miner in told:
        if not miner.epochs:
            yield f"{miner.name} answered no epoch"
        elif not miner.earned:
            yield f"{miner.name} answered {miner.epochs} epochs and earned nothing"
        if miner.owed:
            yield f"{miner.name} is still owed {miner.owed} wei"


def _shown(data: bytes) -> str:
    return f"{len(data)} bytes {data[:16].hex()}" if len(data) > 20 else repr(data)
