"""Trees on disk against their definition."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Corrupted
from offchain.protocol.kv import state_tree
from offchain.protocol.kv.state_tree import EMPTY, Leaf, Proof, verify
from offchain.storage.kv.server import pages
from offchain.storage.kv.server.pages import PAGES_SCHEMA
from offchain.store.database import Database
from tests.doubles.streams import stream_id

S, T = stream_id(1), stream_id(2)

near = st.binary(min_size=1, max_size=2).map(lambda start: start + bytes(32 - len(start)))
deep = st.integers(0, 255).map(lambda last: bytes(31) + bytes([last]))
leaves = st.builds(Leaf, near | deep, st.integers(0, 99), st.binary(min_size=32, max_size=32))
batches = st.lists(st.lists(leaves, min_size=1, max_size=5), min_size=1, max_size=4)


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "pages.sqlite", PAGES_SCHEMA, durable=False) as opened:
        yield opened


@contextmanager
def empty_database():
    """A database for one example."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Database(Path(folder) / "pages.sqlite", PAGES_SCHEMA, durable=False) as opened,
    ):
        yield opened


def grow(database, batches, stream=S):
    """Put one batch after another, at versions 1, 2 and so on; the leaves after each."""
    trees = [{}]
    for version, batch in enumerate(batches, 1):
        trees.append(trees[-1] | {leaf.path: leaf for leaf in batch})
        with database.transaction() as transaction:
            pages.put(transaction, stream, batch, version)
    return trees


def leaf(path, version=1):
    return Leaf(path.ljust(32, b"\0"), version, EMPTY)


def check(database, trees, first=0, stream=S):
    """Roots and proofs at every version from `first` on are those of the definition."""
    every = sorted({*trees[-1], bytes(32), b"\xff" * 32})
    with database.snapshot() as reader:
        for version, tree in enumerate(trees):
            if version < first:
                continue
            root = pages.root_at(reader, stream, version)
            assert root == state_tree.root(tree)
            for path in every if version == len(trees) - 1 else every[version::3]:
                proof = pages.prove(reader, stream, path, version)
                assert proof == state_tree.prove(tree, path)
                verify(proof, path, tree.get(path), root)


@given(batches)
def test_put__any_batches__roots_and_proofs_of_every_version_are_the_definitions(batches):
    with empty_database() as database:
        check(database, grow(database, batches))


@given(batches, st.data())
def test_undo__any_version__is_as_if_the_later_ones_had_never_been(batches, data):
    with empty_database() as database:
        trees = grow(database, batches)
        kept = data.draw(st.integers(0, len(batches)))
        with database.transaction() as transaction:
            pages.undo(transaction, S, kept + 1)
        assert pages.root_at(*_reader(database), S, 1 << 60) == state_tree.root(trees[kept])
        again = data.draw(batches_of_one)
        with database.transaction() as transaction:
            pages.put(transaction, S, again, kept + 1)
        check(database, [*trees[: kept + 1], trees[kept] | {each.path: each for each in again}])


batches_of_one = st.lists(leaves, min_size=1, max_size=6)


@given(batches, st.data())
def test_forget__a_version__keeps_the_proofs_of_that_one_and_later_ones(batches, data):
    with empty_database() as database:
        trees = grow(database, batches)
        first = data.draw(st.integers(0, len(batches)))
        with database.transaction() as transaction:
            pages.forget(transaction, S, first)
        check(database, trees, first)


@given(batches, st.data())
def test_rebuild__at_any_version__is_as_if_the_later_ones_had_never_been(batches, data):
    with empty_database() as database:
        trees = grow(database, batches)
        kept = data.draw(st.integers(0, len(batches)))
        with database.transaction() as transaction:
            pages.rebuild(transaction, S, trees[kept].values(), kept + 1)
        check(database, trees[: kept + 1], kept)
        assert [pages.root_at(*_reader(database), S, version) for version in range(kept + 1)] == list(
            map(state_tree.root, trees[: kept + 1])
        )


def _reader(database):
    return (database._reader(),)


def test_forget__after_many_changes__leaves_only_what_is_needed(database):
    grow(database, [[leaf(b"\x11" + bytes([number]), number)] for number in range(40)])
    with database.transaction() as transaction:
        pages.forget(transaction, S, 40)
    [row] = database.query("SELECT count(*) AS number, count(until) AS replaced FROM pages")
    assert (row["number"], row["replaced"]) == (
        len({bytes(each["prefix"]) for each in database.query("SELECT prefix FROM pages")}),
        0,
    )


def test_put__one_leaf_among_many__writes_one_page_for_each_level(database):
    paths = [state_tree.entry_path(S, b"%d" % number) for number in range(2000)]
    grow(database, [[Leaf(path, 1, EMPTY) for path in paths]])
    before = database.query("SELECT count(*) AS number FROM pages")[0]["number"]
    with database.transaction() as transaction:
        pages.put(transaction, S, [Leaf(paths[7], 2, b"\1" * 32)], 2)
    after = database.query("SELECT count(*) AS number FROM pages")[0]["number"]
    assert 2 <= after - before <= 5


def test_streams__side_by_side__do_not_touch_each_other(database):
    trees = grow(database, [[leaf(b"\1")], [leaf(b"\2")]])
    others = grow(database, [[leaf(b"\1", 5)]], T)
    with database.transaction() as transaction:
        pages.undo(transaction, T, 1)
        pages.forget(transaction, T, 9)
    check(database, trees)
    assert pages.root_at(*_reader(database), T, 9) == EMPTY != state_tree.root(others[1])


def test_prove__stream_without_leaves__has_an_empty_proof(database):
    with database.snapshot() as reader:
        assert pages.prove(reader, S, bytes(32), 5) == Proof(())
        assert pages.root_at(reader, S, 5) == EMPTY


def test_load__page_that_the_disk_has_cut__stops_the_worker(database):
    grow(database, [[leaf(b"\1"), leaf(b"\2")]])
    with database.transaction() as transaction:
        transaction.execute("UPDATE pages SET slots = substr(slots, 1, 3)")
    with database.snapshot() as reader, pytest.raises(Corrupted, match="^a page of a stream's tree is damaged: remove"):
        pages.prove(reader, S, bytes(32), 1)


def test_rebuild__leaves_that_do_not_make_the_root__stop_the_worker(database):
    grow(database, [[leaf(b"\1")], [leaf(b"\2")]])
    with database.transaction() as transaction, pytest.raises(Corrupted, match="no longer matches its root: remove"):
        pages.rebuild(transaction, S, [leaf(b"\3")], 2)
