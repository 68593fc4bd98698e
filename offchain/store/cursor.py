"""How far consumers of events have come, stored in the transactions that apply the events."""

from offchain.store.database import Database, Schema, Transaction

CURSOR_SCHEMA = Schema(
    "cursor",
    ("CREATE TABLE cursors (name TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID",),
)


class CursorStore:
    """Cursors by name, one for each consumer and set of contracts; their text belongs to whoever wrote it."""

    def __init__(self, database: Database) -> None:
        """`database` was opened with `CURSOR_SCHEMA`."""
        self._database = database

    def load(self, name: str) -> str | None:
        """The stored text; None before the first `save`."""
        rows = self._database.query("SELECT cursor FROM cursors WHERE name = ?", (name,))
        return str(rows[0]["cursor"]) if rows else None

    def save(self, transaction: Transaction, name: str, cursor: str) -> None:
        """Store `cursor` with whatever else `transaction` holds."""
        transaction.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (name, cursor))
