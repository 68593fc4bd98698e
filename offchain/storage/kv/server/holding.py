"""Which streams are held: all, or those of the settings and those added while the server ran."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from offchain.errors import BadSettings
from offchain.store.database import Database, Transaction

Held = frozenset[bytes] | None
"""Ids of streams, None for all."""

ALL = b""
"""What stands for all streams in the database."""


class Holding:
    """A set that only grows, in the database."""

    def __init__(self, database: Database, configured: Held) -> None:
        """Streams of earlier settings stay held, so that what was replayed stays right.

        BadSettings when all streams were held before and now are not.
        """
        self._database = database
        self._lock = threading.Lock()
        self.changed: Callable[[Held], None] = lambda _: None
        """Told of the new set each time it grows."""
        with database.transaction() as transaction:
            _insert(transaction, [ALL] if configured is None else configured)
            rows = transaction.execute("SELECT stream FROM held").fetchall()
        streams = frozenset(bytes(row["stream"]) for row in rows)
        if configured is not None and ALL in streams:
            raise BadSettings("the data directory holds all streams: leave out --streams, or take another directory")
        self.held: Held = None if configured is None else streams

    def add(self, stream: bytes) -> bool:
        """Hold another stream; whether it was not held before."""
        with self._lock:
            if self.held is None or stream in self.held:
                return False
            with self._database.transaction() as transaction:
                _insert(transaction, [stream])
            self.held |= {stream}
            self.changed(self.held)
            return True


def _insert(transaction: Transaction, streams: Iterable[bytes]) -> None:
    transaction.executemany("INSERT OR IGNORE INTO held VALUES (?)", [(stream,) for stream in streams])
