import pytest

from offchain.protocol.kv.rights import Change, Right, Role
from offchain.protocol.kv.state_tree import right_leaf
from offchain.protocol.kv.stream_data import Kind
from offchain.storage.kv.server import facts
from offchain.storage.kv.server.facts import FACTS_SCHEMA, FactsAt
from offchain.store.database import Database
from tests.doubles.kv_parts import sender
from tests.doubles.streams import stream_id

S, T = stream_id(1), stream_id(2)
WRITER = Right(S, Role.WRITER, account=sender(1))
KEY_WRITER = Right(S, Role.SPECIAL_WRITER, b"k", sender(1))


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "facts.sqlite", FACTS_SCHEMA, durable=False) as opened:
        yield opened


def put(database, right, kind, version):
    with database.transaction() as transaction:
        facts.put(transaction, Change(right, kind), version)


def at(database, version):
    return FactsAt(database._reader(), version)


def test_holds__granted_and_taken__follows_the_versions(database):
    put(database, WRITER, Kind.GRANT_WRITER, 2)
    put(database, WRITER, Kind.REVOKE_WRITER, 4)
    assert [at(database, version).holds(WRITER) for version in range(6)] == [False, False, True, True, False, False]
    assert [at(database, version).newest(WRITER) for version in (1, 3, 9)] == [None, (2, True), (4, False)]
    assert not at(database, 3).holds(Right(T, Role.WRITER, account=sender(1)))
    assert not at(database, 3).holds(Right(S, Role.ADMIN, account=sender(1)))


def test_is_new__until_the_first_fact(database):
    put(database, WRITER, Kind.RENOUNCE_WRITER, 3)
    assert [at(database, version).is_new(S) for version in (2, 3, 4)] == [True, False, False]
    assert at(database, 9).is_new(T)


def test_writes_some_key__one_of_several_taken__is_still_so(database):
    other = Right(S, Role.SPECIAL_WRITER, b"other", sender(1))
    put(database, KEY_WRITER, Kind.GRANT_SPECIAL_WRITER, 1)
    put(database, other, Kind.GRANT_SPECIAL_WRITER, 2)
    put(database, KEY_WRITER, Kind.REVOKE_SPECIAL_WRITER, 3)
    put(database, other, Kind.RENOUNCE_SPECIAL_WRITER, 4)
    found = [at(database, version).writes_some_key(S, sender(1)) for version in range(6)]
    assert found == [False, True, True, True, False, False]
    assert not at(database, 2).writes_some_key(S, sender(0))
    assert not at(database, 2).writes_some_key(T, sender(1))


def test_undo__brings_older_rights_back(database):
    put(database, WRITER, Kind.GRANT_WRITER, 1)
    put(database, WRITER, Kind.REVOKE_WRITER, 2)
    put(database, KEY_WRITER, Kind.GRANT_SPECIAL_WRITER, 3)
    with database.transaction() as transaction:
        facts.undo(transaction, S, 2)
    assert at(database, 9).holds(WRITER)
    assert at(database, 9).newest(KEY_WRITER) is None


def test_newest__gives_the_leaf_of_every_right(database):
    put(database, WRITER, Kind.GRANT_WRITER, 1)
    put(database, WRITER, Kind.REVOKE_WRITER, 2)
    put(database, KEY_WRITER, Kind.GRANT_SPECIAL_WRITER, 3)
    with database.snapshot() as reader:
        found = facts.newest(reader, S)
    assert set(found) == {right_leaf(WRITER, 2, False), right_leaf(KEY_WRITER, 3, True)}
