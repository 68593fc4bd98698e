"""A flow that was used for years: what strangers may ask costs a node no more than at its beginning."""

from contextlib import contextmanager

import pytest

from offchain.protocol import merkle
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.node.catalog import CATALOG_SCHEMA, Catalog
from offchain.store.cursor import CURSOR_SCHEMA
from offchain.store.database import Database, Schema
from tests.doubles.files import File
from tests.doubles.long_flow import lengthen
from tests.doubles.node_parts import NodeParts

SUBMISSIONS = 20_000
LARGE = File.random(16 * SEGMENT_BYTES)
STEPS = 1000


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A node with a file behind a gap of sixteen segments, and many unfinished files after it."""
    folder = tmp_path_factory.mktemp("old")
    node = NodeParts(folder)
    (node.entry,) = node.hold(LARGE)
    lengthen(folder / "node.sqlite", SUBMISSIONS, finalized=False)
    yield node
    node.close()


@contextmanager
def counted(database):
    """What is asked of a database meanwhile: its statements, and its steps in thousands."""
    asked, thousands, reader = [], [], database._reader()
    reader.set_trace_callback(asked.append)
    reader.set_progress_handler(lambda: thousands.append(1) or 0, STEPS)
    try:
        yield asked, thousands
    finally:
        reader.set_trace_callback(None)
        reader.set_progress_handler(None, 0)


LOOKS = {
    "containing, at the start": lambda catalog, entry: catalog.containing(5),
    "containing, at the end": lambda catalog, entry: catalog.containing(entry.length + SUBMISSIONS),
    "within, at the start": lambda catalog, entry: catalog.within(0, 1024),
    "within, at the end": lambda catalog, entry: catalog.within(entry.length + SUBMISSIONS - 5, 1 << 60),
    "find": lambda catalog, entry: catalog.find(entry.root),
    "wanting": lambda catalog, entry: catalog.wanting(entry.content),
    "unfinished": lambda catalog, entry: catalog.unfinished(SUBMISSIONS - 5, 10),
    "unfinished_count": lambda catalog, entry: catalog.unfinished_count(),
    "next_seq": lambda catalog, entry: catalog.next_seq(),
    "last": lambda catalog, entry: catalog.last(),
    "length_at_root": lambda catalog, entry: catalog.length_at_root(entry.flow_root),
}


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_catalog__any_look__takes_few_steps(old, look):
    with counted(old.database) as (asked, thousands):
        LOOKS[look](old.catalog, old.entry)
    assert (len(asked), thousands) == (1, [])


def test_within__any_sectors__are_the_submissions_in_them(old):
    end = old.entry.length
    assert old.catalog.within(0, old.entry.start) == []
    assert old.catalog.within(0, old.entry.start + 1) == [old.entry]
    assert old.catalog.within(end - 1, end) == [old.entry]
    assert [entry.seq for entry in old.catalog.within(end - 1, end + 3)] == [0, 1, 2, 3]
    assert [entry.seq for entry in old.catalog.within(end + 7, end + 8)] == [8]


def test_find__root_that_was_submitted_again_and_again__takes_few_steps(tmp_path):
    node = NodeParts(tmp_path)
    (entry,) = node.hold(LARGE)
    lengthen(tmp_path / "node.sqlite", SUBMISSIONS)
    with node.database.transaction() as transaction:
        transaction.execute("UPDATE submissions SET root = ?, size = ?", (entry.root, entry.size))
        transaction.execute("UPDATE submissions SET finalized = 0 WHERE seq < 7")
    with counted(node.database) as (_, thousands):
        assert (node.catalog.find(entry.root).seq, node.catalog.wanting(entry.content).seq) == (7, 0)
    assert thousands == []
    node.close()


def test_scans__of_a_gap__ask_the_database_a_few_times(old):
    with counted(old.database) as (asked, thousands):
        assert old.proofs.segment_sectors(3) == [bytes(256)] * 1024
        assert old.proofs.describe(3) == ""
    assert (len(asked), thousands) == (4, [])


def test_scans__of_many_files__ask_the_database_a_few_times(old):
    place = old.entry.length // 1024 + 3
    with counted(old.database) as (asked, _):
        assert old.proofs.segment_sectors(place) is None
        assert old.proofs.describe(place).count(";") == 1023
    assert len(asked) < 10


def test_sector__of_a_large_file__opens_it_once_for_each_level(old, monkeypatch):
    opened, read = [], []
    open_file, data = old.store.open, old.shelf.data
    monkeypatch.setattr(old.store, "open", lambda *given: opened.append(1) or open_file(*given))
    monkeypatch.setattr(old.shelf, "data", lambda *given: read.append(1) or data(*given))
    proof = old.proofs.sector(old.entry.start + 5, old.entry.flow_root)
    height = (old.entry.length - 1).bit_length()
    assert merkle.fold(proof.lemma[0], proof.siblings, proof.path) == old.entry.flow_root
    assert len(proof.path) == height
    assert (len(read), len(opened)) == (1, 1 + 4)


def test_schema__database_of_the_last_release__keeps_what_it_holds(tmp_path):
    path, released = tmp_path / "node.sqlite", Schema("catalog", CATALOG_SCHEMA.migrations[:2])
    with Database(path, released, CURSOR_SCHEMA) as database, database.transaction() as transaction:
        row = (0, b"r" * 32, 256, 1, 2, b"f" * 32, b"\0" + b"r" * 32, b"", "0x", "0x", 5, b"t" * 32, 1)
        transaction.execute(f"INSERT INTO submissions VALUES ({','.join('?' * 13)})", row)
        transaction.execute("INSERT INTO pool VALUES (?, ?, ?)", (b"p" * 32, 300, 9e9))
    lengthen(path, 3, finalized=False)
    with Database(path, CATALOG_SCHEMA, CURSOR_SCHEMA) as database:
        catalog = Catalog(database)
        assert (catalog.next_seq(), catalog.unfinished_count()) == (4, 3)
        assert (catalog.find(b"r" * 32).seq, catalog.containing(3).seq) == (0, 2)
        catalog.set_finalized(catalog.entry(2).content, [2], True)
        assert catalog.unfinished_count() == 2
