import pytest

from offchain.store.cursor import CURSOR_SCHEMA, CursorStore
from offchain.store.database import Database


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "state.db", CURSOR_SCHEMA) as opened:
        yield opened


def test_load__never_saved__is_none(database):
    assert CursorStore(database).load("flow") is None


def test_save__names__are_independent(database):
    cursors = CursorStore(database)
    with database.transaction() as transaction:
        cursors.save(transaction, "flow", "1")
        cursors.save(transaction, "market", "2")
        cursors.save(transaction, "flow", "3")
    assert (cursors.load("flow"), cursors.load("market")) == ("3", "2")


def test_save__transaction_fails__keeps_the_old_cursor(database):
    cursors = CursorStore(database)
    with database.transaction() as transaction:
        cursors.save(transaction, "flow", "1")
    with pytest.raises(ValueError), database.transaction() as transaction:
        cursors.save(transaction, "flow", "2")
        raise ValueError
    assert cursors.load("flow") == "1"
