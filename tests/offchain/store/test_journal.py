import pytest

from offchain.chain.journal import Journal
from offchain.errors import Corrupted
from offchain.store.database import Database
from offchain.store.journal import JOURNAL_SCHEMA, TransactionJournal

ADDRESS = "0x" + "Ab" * 20


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "state.db", JOURNAL_SCHEMA) as opened:
        yield opened


@pytest.fixture
def journal(database):
    return TransactionJournal(database, 1, ADDRESS)


def record(journal, key, nonce, name):
    return journal.record(key, nonce, name.encode().ljust(32), b"raw " + name.encode(), "{}")


def names(entries):
    return [entry.transaction_hash.decode().strip() for entry in entries]


def test_journal__of_the_store__is_what_the_sender_asks_for(journal):
    expected: Journal = journal
    assert {name for name in vars(Journal) if not name.startswith("_")} <= set(dir(expected))


def test_record__new_intent__is_found_by_key_and_nonce(journal):
    entry = record(journal, "one", 5, "a")
    assert journal.of_key("one") == journal.of_nonce(5) == [entry]
    assert (journal.of_key("two"), journal.of_nonce(6)) == ([], [])


def test_record__replacement__comes_after_the_first(journal):
    record(journal, "one", 5, "a")
    record(journal, "one", 5, "b")
    assert names(journal.of_key("one")) == names(journal.of_nonce(5)) == ["a", "b"]


def test_record__nonce_of_another_intent__is_refused(journal):
    record(journal, "one", 5, "a")
    with pytest.raises(Corrupted, match="nonce 5 is recorded for 'one' and shall serve 'two'"):
        record(journal, "two", 5, "b")
    assert journal.of_key("two") == []


def test_next_nonce__empty_or_not__follows_the_highest(journal):
    assert journal.next_nonce() == 0
    record(journal, "one", 7, "a")
    record(journal, "two", 6, "b")
    assert journal.next_nonce() == 8


def test_unsettled__several_intents__gives_the_newest_of_each_by_nonce(journal):
    record(journal, "late", 6, "c")
    record(journal, "early", 5, "a")
    record(journal, "early", 5, "b")
    record(journal, "done", 4, "d")
    journal.settle("done", b"d".ljust(32))
    assert names(journal.unsettled()) == ["b", "c"]


def test_settle__then_unsettle__is_open_again(journal):
    record(journal, "one", 5, "a")
    journal.settle("one", b"a".ljust(32))
    assert journal.settled("one") == b"a".ljust(32)
    journal.unsettle("one")
    assert journal.settled("one") is None
    assert names(journal.unsettled()) == ["a"]


def test_journal__other_accounts_and_chains__are_separate(database, journal):
    record(journal, "one", 5, "a")
    for other in (TransactionJournal(database, 2, ADDRESS), TransactionJournal(database, 1, "0x" + "cd" * 20)):
        assert (other.of_key("one"), other.next_nonce(), other.unsettled()) == ([], 0, [])
        record(other, "one", 5, f"of {other._account}"[-30:])
    assert names(TransactionJournal(database, 1, ADDRESS.lower()).of_key("one")) == ["a"]
