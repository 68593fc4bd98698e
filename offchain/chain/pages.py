"""Which blocks to read next, and whether what came back may be believed; pure decisions of the watcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from offchain.chain.cursor import Checkpoint
from offchain.chain.filter import LogFilter
from offchain.chain.types import Header, Log, LogPage
from offchain.errors import ChainInconsistent

LINKED = 64  # Blocks below the head in which forks are likely; deeper ones are not read one by one.

CALM = 16  # Pages served at the ceiling before a larger one is tried.


@dataclass(frozen=True, slots=True)
class PageSize:
    """How many blocks to ask for: halved by a refusal, then growing slowly back to just below what was refused."""

    size: int
    ceiling: int
    limit: int
    calm: int = 0

    @classmethod
    def of(cls, limit: int) -> PageSize:
        """The start, with pages of `limit` blocks, which are never exceeded."""
        return cls(limit, limit, limit)

    def refused(self, blocks: int) -> PageSize:
        """After the RPC did not serve so many `blocks`."""
        return PageSize(max(1, blocks // 2), max(1, blocks * 7 // 8), self.limit)

    def served(self) -> PageSize:
        """After the RPC served a page; limits of RPCs depend on load and on the number of logs, so it tries again."""
        if self.size < self.ceiling:
            return replace(self, size=min(self.ceiling, self.size + max(1, self.size // 4)))
        if self.calm < CALM:
            return replace(self, calm=self.calm + 1)
        ceiling = min(self.limit, self.ceiling + max(1, self.ceiling // 8))
        return PageSize(ceiling, ceiling, self.limit)


@dataclass(frozen=True, slots=True)
class Page:
    """Blocks `first` to `last`, read in one go; `linked` if their headers are to be chained one by one."""

    first: int
    last: int
    linked: bool

    @property
    def blocks(self) -> int:
        """How many."""
        return self.last - self.first + 1

    @property
    def headers(self) -> Sequence[int]:
        """Blocks whose headers are read before the logs."""
        return range(self.first, self.last + 1) if self.linked else sorted({self.first, self.last})


def plan_page(first: int, head: int, confirmations: int, size: int) -> Page | None:
    """The page that starts at block `first`, or None while that block is above head less `confirmations`."""
    target = head - confirmations
    if first > target:
        return None
    deep = head - LINKED
    if first <= deep:
        return Page(first, min(target, deep, first + size - 1), linked=False)
    return Page(first, min(target, first + size - 1), linked=True)


def check_chained(headers: Mapping[int, Header], page: Page, before: Checkpoint | None) -> None:
    """Raise `ChainInconsistent` unless the page follows block `before` and, if linked, each block the previous."""
    links = headers.values() if page.linked else [headers[page.first]]
    parent = before.hash if before else None
    for header in sorted(links, key=lambda header: header.number):
        if parent is not None and header.parent != parent:
            raise ChainInconsistent(f"block {header.number} does not follow the block {header.number - 1} seen before")
        parent = header.hash


def check_answer(answer: LogPage, page: Page, wanted: LogFilter, end: Header) -> None:
    """Raise `ChainInconsistent` unless the logs are what was asked for and the page's end was still `end`."""
    if answer.end.hash != end.hash:
        raise ChainInconsistent(f"block {page.last} was exchanged while its logs were read")
    for log in answer.logs:
        if log.removed:
            raise ChainInconsistent(f"the RPC sent log {log.index} of block {log.block_number}, removed by a fork")
        if not page.first <= log.block_number <= page.last:
            raise ChainInconsistent(f"the RPC sent a log of block {log.block_number}, outside the blocks asked for")
        if not wanted.matches(log):
            raise ChainInconsistent(f"the RPC sent a log of {log.address} in block {log.block_number} nobody asked for")
    if len({(log.block_number, log.index) for log in answer.logs}) < len(answer.logs):
        raise ChainInconsistent(f"the RPC sent a log of blocks {page.first} to {page.last} twice")


def check_blocks(logs: Sequence[Log], headers: Mapping[int, Header]) -> None:
    """Raise `ChainInconsistent` unless every log carries the hash of its canonical block."""
    for log in logs:
        if headers[log.block_number].hash != log.block_hash:
            raise ChainInconsistent(f"a log of block {log.block_number} comes from another fork than the block")


def suspicious(answer: LogPage, page: Page, wanted: LogFilter, headers: Mapping[int, Header]) -> list[Header]:
    """Linked blocks without logs whose bloom filter promises some: a node that lags answers with silence."""
    if not page.linked:
        return []
    seen = {log.block_number for log in answer.logs}
    return [header for number, header in headers.items() if number not in seen and wanted.may_be_in(header.bloom)]


def check_silence(block: Header, logs: Sequence[Log]) -> None:
    """Raise `ChainInconsistent` if a block that was skipped has logs after all."""
    if logs:
        raise ChainInconsistent(f"the RPC left out {len(logs)} logs of block {block.number}")


def in_order(logs: Sequence[Log]) -> tuple[Log, ...]:
    """Logs as the chain executed them."""
    return tuple(sorted(logs, key=lambda log: (log.block_number, log.index)))


def checkpoints_of(logs: Sequence[Log], end: Header) -> list[Checkpoint]:
    """The blocks of `logs` and the end of their page, oldest first."""
    hashes = {log.block_number: log.block_hash for log in logs} | {end.number: end.hash}
    return [Checkpoint(number, hashes[number]) for number in sorted(hashes)]
