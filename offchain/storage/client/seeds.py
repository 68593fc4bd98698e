"""What this client encrypted files with, so that an upload that goes on sends the same bytes and pays nothing twice.

A seed that is kept gives nobody access to a file, with one exception: that of a file for a recipient. Such a seed is
forgotten when the file is stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from offchain.errors import BadSettings, Invalid
from offchain.protocol.encryption import Cipher, Key, Lock, Password, Recipient
from offchain.protocol.encryption_header import SALT_BYTES, authenticated_cipher, public_cipher, salt_of, stretched
from offchain.store.database import Database, Schema

SEED_SCHEMA = Schema(
    "seeds",
    (
        """
        CREATE TABLE seeds (                  -- how a file was encrypted
            root BLOB NOT NULL,               -- of the plaintext
            size INTEGER NOT NULL,
            head BLOB NOT NULL,               -- the header, which shows whether a lock is the same
            seed BLOB NOT NULL,
            PRIMARY KEY (root, size, head)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
)
SEED_BYTES = 32
DATABASE = "seeds.sqlite"

AnyLock = Key | Password | Recipient


@dataclass(frozen=True, slots=True)
class Encryption:
    """What files are encrypted with; in a format without authentication that public clients read if `public`."""

    lock: AnyLock
    public: bool = False

    def __post_init__(self) -> None:
        """Invalid for a password in a public format, which knows none."""
        if self.public and isinstance(self.lock, Password):
            raise Invalid("public clients know no passwords: encrypt for them with a key or to a recipient")


class Seeds:
    """The seeds of one user."""

    def __init__(self, database: Database) -> None:
        """`database` was opened with `SEED_SCHEMA`."""
        self._database = database
        self._salt = secrets.token_bytes(SALT_BYTES)  # one for all files of a run: opening them takes one computation

    def cipher(self, root: bytes, size: int, encryption: Encryption) -> Cipher:
        """How to encrypt a file, given by the root of its plaintext: as before if it was, else in a new way."""
        lock = encryption.lock
        rows = self._database.query("SELECT head, seed FROM seeds WHERE root = ? AND size = ?", (root, size))
        for row in rows:
            head = bytes(row["head"])
            bare = _bare(lock, head)
            if bare is None:
                continue
            cipher = _made(bare, bytes(row["seed"]), encryption.public)
            if cipher.head == head:
                return cipher
        seed = secrets.token_bytes(SEED_BYTES)
        bare = stretched(lock, self._salt) if isinstance(lock, Password) else lock
        cipher = _made(bare, seed, encryption.public)
        with self._database.transaction() as transaction:
            transaction.execute("INSERT INTO seeds VALUES (?, ?, ?, ?)", (root, size, cipher.head, seed))
        return cipher

    def stored(self, cipher: Cipher, encryption: Encryption) -> None:
        """A file is in the network: nothing has to be remembered that could open it."""
        if isinstance(encryption.lock, Recipient):
            with self._database.transaction() as transaction:
                transaction.execute("PRAGMA secure_delete = ON")
                transaction.execute("DELETE FROM seeds WHERE head = ?", (cipher.head,))


@contextmanager
def seeds_in(folder: Path) -> Iterator[Seeds]:
    """The seeds that lie in `folder`; BadSettings when it cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / DATABASE).touch(mode=0o600)
    except OSError as error:
        raise BadSettings(f"how files are encrypted cannot be kept in {folder}: {error.strerror}") from error
    with Database(folder / DATABASE, SEED_SCHEMA) as database:
        yield Seeds(database)


def _bare(lock: AnyLock, head: bytes) -> Lock | None:
    """`lock` as it was used for a header, None when that was made with another kind."""
    if not isinstance(lock, Password):
        return lock
    salt = salt_of(head)
    return stretched(lock, *salt) if salt else None


def _made(lock: Lock, seed: bytes, public: bool) -> Cipher:
    return public_cipher(lock, seed) if public else authenticated_cipher(lock, seed)
