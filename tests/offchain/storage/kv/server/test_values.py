import pytest

from offchain.protocol.keccak import keccak256
from offchain.protocol.kv.stream_data import Write
from offchain.storage.kv.server import values
from offchain.storage.kv.server.values import PIECE_BYTES, VALUES_SCHEMA
from offchain.store.database import Database
from tests.doubles.files import random_bytes
from tests.doubles.streams import stream_id

S, T = stream_id(1), stream_id(2)


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "values.sqlite", VALUES_SCHEMA, durable=False) as opened:
        yield opened


@pytest.fixture
def put(database):
    """Writes a value."""

    def write(key, value, version, stream=S):
        with database.transaction() as transaction:
            return values.put(transaction, [Write(stream, key, value)], version)[0]

    return write


def undo(database, seq, stream=S):
    with database.transaction() as transaction:
        values.undo(transaction, stream, seq)


def read(database, key, version=99, stream=S):
    with database.snapshot() as reader:
        found = values.find(reader, stream, key, version)
        return found and (found.version, values.read(reader, found, 0, found.size))


def around(database, key, forward, version=None, inclusive=False):
    with database.snapshot() as reader:
        found = values.neighbour(reader, S, key, version, forward, inclusive)
        return found and found.key


def test_find__several_versions__gives_the_newest_up_to_the_one_asked_for(database, put):
    put(b"k", b"one", 1)
    put(b"k", b"three", 3)
    assert [read(database, b"k", version) for version in range(5)] == [
        None,
        (1, b"one"),
        (1, b"one"),
        (3, b"three"),
        (3, b"three"),
    ]
    assert read(database, b"k", stream=T) is None
    assert read(database, b"other") is None


def test_put__value__is_kept_with_size_and_digest(put):
    value = put(b"k", b"value", 7)
    assert (value.key, value.version, value.size, value.digest) == (b"k", 7, 5, keccak256(b"value"))
    assert put(b"k", b"", 8).digest == keccak256(b"")


@pytest.mark.parametrize("size", [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5])
def test_read__any_part_of_a_value_of_several_pieces__is_that_part(database, put, size):
    data = random_bytes(size)
    put(b"before", random_bytes(PIECE_BYTES + 9, 1), 1)
    put(b"k", data, 2)
    put(b"after", random_bytes(9, 2), 3)
    with database.snapshot() as reader:
        found = values.find(reader, S, b"k", 99)
        for start in (0, 1, size // 2, size - 1, size, PIECE_BYTES - 1, PIECE_BYTES):
            for length in (0, 1, PIECE_BYTES, size):
                assert values.read(reader, found, start, length) == data[start : start + length]


def test_neighbour__from_every_place__passes_over_deleted_keys(database, put):
    for key in (b"a", b"b", b"c", b"d"):
        put(key, b"v", 1)
    for key in (b"a", b"c"):
        put(key, b"", 2)
    assert [around(database, None, forward) for forward in (True, False)] == [b"b", b"d"]
    assert [around(database, key, True) for key in (b"a", b"b", b"c", b"d")] == [b"b", b"d", b"d", None]
    assert [around(database, key, False) for key in (b"a", b"b", b"c", b"d")] == [None, None, b"b", b"b"]
    assert [around(database, key, True, inclusive=True) for key in (b"a", b"b", b"bb")] == [b"b", b"b", b"d"]
    assert [around(database, key, False, inclusive=True) for key in (b"c", b"d", b"dd")] == [b"b", b"d", b"d"]


def test_neighbour__in_the_past__sees_the_keys_of_then(database, put):
    put(b"b", b"v", 1)
    put(b"a", b"v", 2)
    put(b"b", b"", 3)
    put(b"b", b"w", 5)
    assert [around(database, None, True, version) for version in range(6)] == [None, b"b", b"a", b"a", b"a", b"a"]
    assert [around(database, None, False, version) for version in range(6)] == [None, b"b", b"b", b"a", b"a", b"b"]
    assert [around(database, b"a", True, version) for version in range(6)] == [None, b"b", b"b", None, None, b"b"]


def test_undo__brings_older_values_back_and_leaves_no_piece_behind(database, put):
    put(b"k", b"old", 1)
    put(b"other", b"o", 1, T)
    pieces = database.query("SELECT count(*) AS number FROM pieces")[0]["number"]
    put(b"k", random_bytes(PIECE_BYTES * 2 + 1), 2)
    put(b"k", b"", 3)
    put(b"new", b"n", 3)
    undo(database, 2)
    assert (read(database, b"k"), read(database, b"new"), read(database, b"other", stream=T)) == (
        (1, b"old"),
        None,
        (1, b"o"),
    )
    assert around(database, None, True) == b"k"
    assert database.query("SELECT count(*) AS number FROM pieces")[0]["number"] == pieces


def test_undo__of_a_deleted_value__takes_no_piece_of_another(database, put):
    put(b"k", b"", 2)
    put(b"next", b"n", 1)
    undo(database, 2)
    assert read(database, b"next") == (1, b"n")


def test_newest__after_changes__has_every_key_once(database, put):
    put(b"a", b"1", 1)
    put(b"a", b"2", 2)
    put(b"b", b"", 3)
    with database.snapshot() as reader:
        assert sorted((value.key, value.version) for value in values.newest(reader, S)) == [(b"a", 2), (b"b", 3)]


def test_neighbour__many_deleted_keys__costs_one_look(database, put):
    sql = "EXPLAIN QUERY PLAN " + values._LIVE.format(beyond="> ?", order="ASC")
    assert "entries_live" in database.query(sql, (S, b"k"))[0]["detail"]
