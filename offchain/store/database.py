"""SQLite for a worker's state: one writer at a time, readers beside it, nothing lost once a transaction returns."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from offchain.errors import BadSettings, Busy, Corrupted, DiskFull, Fatal

Transaction: TypeAlias = sqlite3.Connection
Row: TypeAlias = sqlite3.Row

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNUSABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables of one component. Migrations are SQL scripts; the first version applies the first, and so on.

    A migration that was released never changes; new ones are added at the end.
    """

    name: str
    migrations: tuple[str, ...]


class Database:
    """A database file shared by the threads of one process (`DirectoryLock` keeps other processes out).

    All methods raise `DiskFull`, `Corrupted`, `Busy` (another process holds the file) or `BadSettings` (no access).
    """

    def __init__(self, path: Path, *schemas: Schema, durable: bool = True, patience: float = 5.0) -> None:
        """Open `path`, create it where missing, bring all `schemas` up to date; raises `BadSettings` for newer ones.

        Without `durable`, a power cut may lose the last transactions, never break the file. `patience` in seconds is
        how long another process may hold the file.
        """
        self._path = path
        self._durable = durable
        self._patience = patience
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._write_lock = threading.Lock()
        self._writing_thread: int | None = None
        self._is_open = False
        try:
            self._open(schemas)
            self._is_open = True
        except Exception:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction: committed when the block ends, undone when it raises. Transactions do not nest."""
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("a transaction is open in this thread already: pass it on instead of opening another")
        with self._write_lock, self._explained():
            self._writing_thread = threading.get_ident()
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                self._writing_thread = None
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Reads that all see the same state, whatever is written meanwhile."""
        with self._explained():
            reader = self._reader()
            reader.execute("BEGIN")
            try:
                yield reader
            finally:
                reader.execute("ROLLBACK")

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """The rows of one SELECT, as of the last commit."""
        with self._explained():
            return self._reader().execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close every thread's connection; nobody may use the database afterwards."""
        with self._write_lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()

    def __enter__(self) -> Self:
        """The open database."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _open(self, schemas: Sequence[Schema]) -> None:
        with self._explained():
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")
            for schema in schemas:
                self._migrate(schema)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._patience, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._opened.append(connection)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
        return connection

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _migrate(self, schema: Schema) -> None:
        self._writer.execute(
            "CREATE TABLE IF NOT EXISTS schema_versions (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"
        )
        row = self._writer.execute("SELECT version FROM schema_versions WHERE name = ?", (schema.name,)).fetchone()
        version = row["version"] if row else 0
        if version > len(schema.migrations):
            raise BadSettings(
                f"{self._path} was written by a newer release (tables {schema.name!r} have version {version}, this one "
                f"knows {len(schema.migrations)}): update this program, or point it at another data directory"
            )
        for number, migration in enumerate(schema.migrations[version:], start=version + 1):
            self._apply(schema.name, number, migration)

    def _apply(self, name: str, number: int, migration: str) -> None:
        stamp = f"INSERT OR REPLACE INTO schema_versions VALUES ('{name}', {number})"
        try:
            self._writer.executescript(f"BEGIN IMMEDIATE;\n{migration};\n{stamp};\nCOMMIT;")
        finally:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            problem = self._problem(error)
            if problem is None:
                raise
            raise problem from error

    def _problem(self, error: sqlite3.Error) -> Exception | None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return DiskFull(f"no room is left for {self._path}: free some space, then start again; nothing is damaged")
        if code in _CORRUPT:
            return Corrupted(f"{self._path} is damaged ({error}): restore it from a backup, or remove it to start over")
        if code in _BUSY:
            return Busy(f"another process holds {self._path}")
        if code == sqlite3.SQLITE_CANTOPEN and self._is_open:
            return Busy(f"the system lets nobody open {self._path} just now: are too many files open?")
        if code in _UNUSABLE:
            return BadSettings(
                f"{self._path} cannot be used ({error}): check that the directory exists and is writable"
            )
        if code == sqlite3.SQLITE_IOERR:
            return Fatal(f"reading or writing {self._path} failed ({error}): check the disk")
        return None
