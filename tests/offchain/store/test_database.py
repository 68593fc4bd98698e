import sqlite3
import subprocess
import sys
import threading

import pytest

from offchain.errors import BadSettings, Busy, Corrupted, DiskFull
from offchain.store.database import Database, Schema

NOTES = Schema("notes", ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",))
NOTES_2 = Schema("notes", (*NOTES.migrations, "ALTER TABLE notes ADD COLUMN size INTEGER; UPDATE notes SET size = 1"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def database(path):
    with Database(path, NOTES) as opened:
        yield opened


def add(database, text):
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO notes (text) VALUES (?)", (text,))


def texts(database):
    return [row["text"] for row in database.query("SELECT text FROM notes ORDER BY id")]


def test_transaction__block_ends__is_committed(database):
    add(database, "a")
    assert texts(database) == ["a"]


def test_transaction__block_raises__leaves_nothing(database):
    with pytest.raises(ValueError), database.transaction() as transaction:
        transaction.execute("INSERT INTO notes (text) VALUES ('a')")
        raise ValueError
    assert texts(database) == []
    add(database, "b")
    assert texts(database) == ["b"]


def test_transaction__inside_another__is_refused_and_harmless(database):
    with database.transaction() as transaction:
        with pytest.raises(RuntimeError, match="pass it on"), database.transaction():
            pass
        transaction.execute("INSERT INTO notes (text) VALUES ('a')")
    assert texts(database) == ["a"]


def test_transaction__many_threads__are_serialised(database):
    def work(name):
        for number in range(20):
            with database.transaction() as transaction:
                (count,) = transaction.execute("SELECT count(*) FROM notes").fetchone()
                transaction.execute("INSERT INTO notes (id, text) VALUES (?, ?)", (count, f"{name}{number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts(database)) == 80


def test_query__while_another_thread_writes__sees_the_last_commit(database):
    add(database, "a")
    seen = []
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO notes (text) VALUES ('b')")
        reader = threading.Thread(target=lambda: seen.append(texts(database)))
        reader.start()
        reader.join()
    assert seen == [["a"]]
    assert texts(database) == ["a", "b"]


def test_query__statement_that_writes__is_refused(database):
    with pytest.raises(BadSettings):
        database.query("DELETE FROM notes")


def test_snapshot__written_meanwhile__stays_as_it_was(database):
    add(database, "a")
    with database.snapshot() as before:
        count = before.execute("SELECT count(*) FROM notes").fetchone()[0]
        add(database, "b")
        assert before.execute("SELECT count(*) FROM notes").fetchone()[0] == count == 1
    assert texts(database) == ["a", "b"]


def test_database__opened_again__applies_new_migrations_once(path):
    with Database(path, NOTES) as first:
        add(first, "a")
    for _ in range(2):
        with Database(path, NOTES_2) as second:
            assert [tuple(row) for row in second.query("SELECT text, size FROM notes")] == [("a", 1)]


def test_database__schema_of_a_newer_release__is_refused(path):
    Database(path, NOTES_2).close()
    with pytest.raises(BadSettings, match="written by a newer release .*have version 2, this one knows 1.*update"):
        Database(path, NOTES)


def test_database__migration_that_fails__leaves_the_old_version(path):
    with Database(path, NOTES) as first:
        add(first, "a")
    broken = Schema("notes", (*NOTES.migrations, "ALTER TABLE notes ADD COLUMN size INTEGER; SELECT nonsense"))
    with pytest.raises(sqlite3.OperationalError):
        Database(path, broken)
    with Database(path, NOTES_2) as second:
        assert [tuple(row) for row in second.query("SELECT text, size FROM notes")] == [("a", 1)]


def test_database__several_components__have_versions_of_their_own(path):
    other = Schema("other", ("CREATE TABLE other (id INTEGER)",))
    Database(path, other, NOTES).close()
    with Database(path, NOTES_2, other) as second:
        assert second.query("SELECT size FROM notes") == []


def test_database__file_that_is_none__is_corrupted(path):
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(Corrupted, match="is damaged"):
        Database(path, NOTES)


def test_database__directory_missing__is_told(tmp_path):
    with pytest.raises(BadSettings, match="check that the directory exists"):
        Database(tmp_path / "none" / "state.db", NOTES)


def test_transaction__disk_full__loses_and_damages_nothing(database):
    add(database, "a")
    database._writer.execute("PRAGMA max_page_count = 20")
    with pytest.raises(DiskFull, match="free some space"):
        add(database, "x" * 200_000)
    assert texts(database) == ["a"]
    database._writer.execute("PRAGMA max_page_count = 100000")
    add(database, "b")
    assert texts(database) == ["a", "b"]


def test_transaction__another_process_holds_the_file__is_busy(path):
    with Database(path, NOTES, patience=0.05) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            add(database, "a")
        other.execute("ROLLBACK")
        other.close()
        add(database, "a")


def test_transaction__foreign_keys__are_enforced(path):
    schema = Schema("tree", ("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a INTEGER REFERENCES a)",))
    with (
        Database(path, schema) as database,
        pytest.raises(sqlite3.IntegrityError),
        database.transaction() as transaction,
    ):
        transaction.execute("INSERT INTO b VALUES (1)")


def test_database__durable_or_not__sets_how_commits_are_synchronised(path):
    with Database(path) as durable:
        assert durable._writer.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert durable._writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    with Database(path, durable=False) as fast:
        assert fast._writer.execute("PRAGMA synchronous").fetchone()[0] == 1


CRASH = """
import os, sys
from pathlib import Path
from offchain.store.database import Database
from tests.offchain.store.test_database import NOTES, add
database = Database(Path(sys.argv[1]), NOTES)
add(database, "committed")
with database.transaction() as transaction:
    transaction.execute("INSERT INTO notes (text) VALUES ('open')")
    os.kill(os.getpid(), 9)
"""


def test_transaction__process_killed_inside__keeps_committed_ones_only(path):
    assert subprocess.run([sys.executable, "-c", CRASH, str(path)]).returncode == -9
    with Database(path, NOTES) as database:
        assert texts(database) == ["committed"]
