"""What many want and few can have at once, shared so that nobody takes it all: places, memory."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

from offchain.errors import Busy


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    count: int
    granted: asyncio.Future[None]


class Shares:
    """`total` of something, at most `each` of it for one owner. Who finds nothing free waits in a line of its own.

    Lines are served in turn, so that a long one keeps nobody else waiting.
    """

    def __init__(self, refusal: str, total: int, each: int, longest: int) -> None:
        """`refusal` is told to whoever gets nothing; `longest` counts all who wait, half of whom may be one owner's."""
        self.each = min(each, total)
        """The most that one owner may have."""
        self._refusal = refusal
        self._free = total
        self._longest = longest
        self._held: Counter[str] = Counter()
        self._lines: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._waiting = 0

    async def take(self, owner: str, count: int, seconds: float) -> None:
        """Have `count` more; Busy when too many wait already, or nothing becomes free within `seconds`."""
        line = self._lines.get(owner, ())
        if not line and self._fits(owner, count):
            self._grant(owner, count)
            return
        if count > self.each or self._waiting >= self._longest or 2 * len(line) >= self._longest:
            raise Busy(self._refusal)
        waiter = self._join(owner, count)
        try:
            done, _ = await asyncio.wait([waiter.granted], timeout=seconds)
        except asyncio.CancelledError:
            if waiter.granted.done():
                self.give(owner, count)
            else:
                self._leave(owner, waiter)
            raise
        if not done:
            self._leave(owner, waiter)
            raise Busy(self._refusal)

    def give(self, owner: str, count: int) -> None:
        """Have `count` less."""
        self._free += count
        self._held[owner] -= count
        if not self._held[owner]:
            del self._held[owner]
        self._serve()

    def _fits(self, owner: str, count: int) -> bool:
        return count <= self._free and self._held[owner] + count <= self.each

    def _grant(self, owner: str, count: int) -> None:
        self._free -= count
        self._held[owner] += count

    def _join(self, owner: str, count: int) -> _Waiter:
        waiter = _Waiter(count, asyncio.get_running_loop().create_future())
        self._lines.setdefault(owner, deque()).append(waiter)
        self._waiting += 1
        return waiter

    def _leave(self, owner: str, waiter: _Waiter) -> None:
        self._lines[owner].remove(waiter)
        self._waiting -= 1
        if not self._lines[owner]:
            del self._lines[owner]
        self._serve()  # whoever stood behind may want less

    def _serve(self) -> None:
        """Grant what is free to those first in line, one of each line before the second of any."""
        served = True
        while served and self._free:
            served = False
            for owner, line in list(self._lines.items()):
                if not self._fits(owner, line[0].count):
                    continue
                waiter = line.popleft()
                self._waiting -= 1
                self._grant(owner, waiter.count)
                waiter.granted.set_result(None)
                self._lines.move_to_end(owner)
                if not line:
                    del self._lines[owner]
                served = True
