"""Events of a chain, each delivered exactly once to a consumer that stores the cursor with what it applies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from offchain.chain import pages
from offchain.chain.cursor import Checkpoint, Cursor
from offchain.chain.filter import LogFilter
from offchain.chain.pages import Page, PageSize, plan_page
from offchain.chain.types import Header, Log, LogPage
from offchain.errors import ChainTimeout, RangeTooLarge


class ChainReader(Protocol):
    """What the watcher asks of a chain; `ChainClient` is one."""

    def head(self) -> Header:
        """The newest block."""
        ...

    def header(self, block: int) -> Header:
        """A block; raises `ChainInconsistent` where it is unknown."""
        ...

    def headers(self, numbers: Sequence[int]) -> dict[int, Header]:
        """Several blocks."""
        ...

    def logs(self, wanted: LogFilter, first: int, last: int) -> LogPage:
        """Logs of a range with its last header; raises `RangeTooLarge`."""
        ...

    def logs_of_block(self, wanted: LogFilter, block: Header) -> tuple[Log, ...]:
        """Logs of one block; raises where it is unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What to do in one transaction: undo above block `rolled_back_to`, apply `logs`, store `cursor`.

    `head` is the height that the RPC reported, `behind` the blocks that can be read at once by polling again.
    """

    cursor: Cursor
    head: int
    logs: tuple[Log, ...] = ()
    rolled_back_to: int | None = None
    behind: int = 0


class EventWatcher:
    """Pages through logs from `start_block` on, stays `confirmations` blocks behind the head, notices forks.

    It keeps no position: the consumer passes the cursor it has stored and stores the new one in the database
    transaction that applies the step, so nothing is lost or applied twice whatever crashes in between.
    """

    def __init__(
        self,
        client: ChainReader,
        addresses: Sequence[str],
        topics: Sequence[Sequence[bytes]] = (),
        *,
        start_block: int = 0,
        confirmations: int = 0,
        page: int = 2000,
    ) -> None:
        """`topics` lists alternatives by position, none for any; `page` is the largest number of blocks asked for."""
        self._client = client
        self._wanted = LogFilter(tuple(addresses), tuple(tuple(alternatives) for alternatives in topics))
        self._start = start_block
        self._confirmations = confirmations
        self._size = PageSize.of(page)

    def poll(self, cursor: Cursor) -> Step:
        """The next step after `cursor`: a rollback, a page of logs, or nothing new.

        Raises `ChainUnavailable` or `ChainInconsistent` when nothing that was read may be used; poll again later.
        """
        head = self._client.head()
        known = cursor.up_to(head.number)
        if cursor.last is not None:
            if not known:
                return Step(cursor, head.number)
            if not self._is_canonical(known[-1], head):
                return self._roll_back(known[:-1], head)
            # A node that lags shows an older head; that alone is no fork.
            if known[-1] != cursor.last:
                return Step(cursor, head.number)
        return self._advance(cursor, head)

    def _is_canonical(self, checkpoint: Checkpoint, head: Header) -> bool:
        header = head if checkpoint.number == head.number else self._client.header(checkpoint.number)
        return header.hash == checkpoint.hash

    def _roll_back(self, older: Sequence[Checkpoint], head: Header) -> Step:
        for checkpoint in reversed(older):
            if self._is_canonical(checkpoint, head):
                cursor = Cursor(tuple(older)).back_to(checkpoint.number)
                return self._step(cursor, head, rolled_back_to=checkpoint.number)
        return self._step(Cursor(), head, rolled_back_to=self._start - 1)

    def _advance(self, cursor: Cursor, head: Header) -> Step:
        first = cursor.last.number + 1 if cursor.last else self._start
        while page := plan_page(first, head.number, self._confirmations, self._size.size):
            headers = self._client.headers(page.headers)
            pages.check_chained(headers, page, cursor.last)
            try:
                answer = self._client.logs(self._wanted, page.first, page.last)
            except RangeTooLarge:
                self._size = self._size.refused(page.blocks)
                if page.blocks == 1:
                    raise
            except ChainTimeout:
                self._size = self._size.refused(page.blocks)
                raise
            else:
                logs = self._believed(answer, page, headers)
                self._size = self._size.served()
                return self._step(cursor.advance(pages.checkpoints_of(logs, answer.end)), head, logs)
        return Step(cursor, head.number)

    def _believed(self, answer: LogPage, page: Page, headers: dict[int, Header]) -> tuple[Log, ...]:
        pages.check_answer(answer, page, self._wanted, headers[page.last])
        missing = sorted({log.block_number for log in answer.logs} - headers.keys())
        pages.check_blocks(answer.logs, headers | self._client.headers(missing))
        for block in pages.suspicious(answer, page, self._wanted, headers):
            pages.check_silence(block, self._client.logs_of_block(self._wanted, block))
        return pages.in_order(answer.logs)

    def _step(
        self, cursor: Cursor, head: Header, logs: tuple[Log, ...] = (), rolled_back_to: int | None = None
    ) -> Step:
        reached = cursor.last.number if cursor.last else self._start - 1
        behind = max(0, head.number - self._confirmations - reached)
        return Step(cursor, head.number, logs, rolled_back_to, behind)
