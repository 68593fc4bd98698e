"""Blocking code below asyncio: the chain client, SQLite, files."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from offchain.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `function`, run in a thread.

    When the caller is cancelled this waits for the function's end first: threads cannot be interrupted, and what they
    use must not be closed under them.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # looked at, or asyncio would report it as forgotten
        raise


class Lane:
    """Threads for calls of one kind: at most `width` run at once, so that others find a thread too; `queue` wait."""

    def __init__(self, what: str, width: int, queue: int) -> None:
        """`what` the calls are, in the words of whoever is turned away."""
        self._what = what
        self._most = width + queue
        self._inside = 0
        self._threads = asyncio.Semaphore(width)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function`, run in a thread as `in_thread` does; Busy when too many wait already."""
        if self._inside >= self._most:
            raise Busy(f"too many {self._what} at once, try again later")
        self._inside += 1
        try:
            async with self._threads:
                return await in_thread(function, *args, **kwargs)
        finally:
            self._inside -= 1
