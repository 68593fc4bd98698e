"""What the journal keeps of caps, cancellations and settled intents, and what it forgets."""

import json

import pytest

from offchain.errors import Corrupted
from offchain.store.database import Database, Schema
from offchain.store.journal import JOURNAL_SCHEMA, JournalAgreement, TransactionJournal

ADDRESS = "0x" + "ab" * 20


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "state.db", JOURNAL_SCHEMA) as opened:
        yield opened


@pytest.fixture
def journal(database):
    return TransactionJournal(database, 1, ADDRESS)


def fields(name):
    return json.dumps({"of": name})


def digest(name):
    return name.encode().ljust(32)


def record(journal, key, nonce, name, **options):
    return journal.record(key, nonce, digest(name), b"raw " + name.encode(), fields(name), **options)


def settle(journal, key, nonce, block, name=None):
    record(journal, key, nonce, name or key)
    journal.settle(key, digest(name or key), block)


def content(journal, key):
    return [(entry.transaction_hash.decode().strip(), entry.raw, entry.unsigned) for entry in journal.of_key(key)]


def kept(name):
    return name, b"raw " + name.encode(), fields(name)


def stripped(name):
    return name, b"", ""


def test_database__of_the_first_version__keeps_its_transactions_and_gains_the_rest(tmp_path):
    first = Schema("journal", JOURNAL_SCHEMA.migrations[:1])
    with Database(tmp_path / "state.db", first) as old, old.transaction() as transaction:
        row = (f"1:{ADDRESS}", "one", 5, digest("a"), b"raw a", '{"of": "a"}')
        columns = "(account, key, nonce, hash, raw, unsigned)"
        transaction.execute(f"INSERT INTO transactions {columns} VALUES (?, ?, ?, ?, ?, ?)", row)
        transaction.execute(f"INSERT INTO transactions {columns} VALUES (?, 'two', 6, x'00', x'00', '{{}}')", row[:1])
        transaction.execute("INSERT INTO settlements VALUES (?, ?, ?)", (row[0], "one", digest("a")))
    with Database(tmp_path / "state.db", JOURNAL_SCHEMA) as new:
        journal = TransactionJournal(new, 1, ADDRESS)
        assert (content(journal, "one"), journal.settled("one")) == ([kept("a")], digest("a"))
        assert not journal.of_key("one")[0].cancels
        assert journal.agreement("one") is None
        journal.agree("one", 7)
        journal.prune(10**9)
        assert content(journal, "one") == [kept("a")]


def test_record__cancellation__is_told_apart(journal):
    record(journal, "one", 5, "a")
    entry = record(journal, "one", 5, "b", cancels=True)
    assert [each.cancels for each in journal.of_key("one")] == [False, True]
    assert entry.cancels
    assert journal.unsettled() == [entry]


def test_agree__amount_beyond_64_bits__is_kept_to_the_wei_and_replaced(journal):
    assert (journal.agreement("one"), journal.sharing("one")) == (None, [])
    for cap in (0, 10**30 + 1, 5):
        journal.agree("one", cap)
        assert journal.agreement("one") == JournalAgreement("one", cap)
    assert journal.sharing("one") == ["one"]


def test_share__another_key__counts_against_the_same_cap(journal):
    journal.agree("one", 5)
    journal.share("gap:3", "one")
    journal.agree("one", 9)
    assert journal.agreement("gap:3") == journal.agreement("one") == JournalAgreement("one", 9)
    assert sorted(journal.sharing("one")) == ["gap:3", "one"]


def test_agree__other_account__has_caps_of_its_own(database, journal):
    journal.agree("one", 5)
    assert TransactionJournal(database, 2, ADDRESS).agreement("one") is None


def test_prune__settled_long_ago__keeps_key_nonce_and_hash(journal):
    settle(journal, "old", 1, block=10)
    settle(journal, "young", 2, block=11)
    settle(journal, "newest", 3, block=12)
    journal.agree("old", 7)
    journal.prune(11)
    assert content(journal, "old") == [stripped("old")]
    assert content(journal, "young") == [kept("young")]
    assert (journal.of_key("old")[0].nonce, journal.settled("old")) == (1, digest("old"))
    assert journal.agreement("old") is None


def test_prune__several_offers__keeps_the_one_that_was_mined(journal):
    for name in "abc":
        record(journal, "old", 1, name)
    journal.settle("old", digest("b"), 10)
    settle(journal, "newest", 2, block=12)
    journal.prune(11)
    assert content(journal, "old") == [stripped("b")]


def test_prune__nonce_went_to_somebody_else__keeps_the_cancellation(journal):
    record(journal, "old", 1, "a")
    record(journal, "old", 1, "b", cancels=True)
    journal.settle("old", digest("x"), 10)
    settle(journal, "newest", 2, block=12)
    journal.prune(11)
    assert content(journal, "old") == [stripped("b")]
    assert journal.of_key("old")[0].cancels


def test_prune__not_settled__loses_nothing_however_old(journal):
    record(journal, "open", 1, "open")
    journal.agree("open", 7)
    journal.release("open")
    settle(journal, "newest", 2, block=12)
    journal.prune(10**9)
    assert content(journal, "open") == [kept("open")]
    assert journal.agreement("open") == JournalAgreement("open", 7)


def test_prune__released__forgets_the_whole_key(journal):
    settle(journal, "old", 1, block=10)
    settle(journal, "newest", 3, block=12)
    journal.agree("old", 7)
    journal.release("old")
    journal.prune(10)
    assert content(journal, "old") == [kept("old")]
    journal.prune(11)
    assert (journal.of_key("old"), journal.settled("old"), journal.agreement("old")) == ([], None, None)


def test_release__after_it_was_pruned__is_forgotten_the_next_time(journal):
    settle(journal, "old", 1, block=10)
    settle(journal, "newest", 3, block=12)
    journal.prune(11)
    journal.release("old")
    assert journal.settled("old") == digest("old")
    journal.prune(11)
    assert journal.settled("old") is None


def test_prune__highest_nonce__is_never_forgotten(journal):
    settle(journal, "early", 1, block=10)
    settle(journal, "last", 2, block=10)
    for key in ("early", "last"):
        journal.release(key)
    journal.prune(99)
    assert journal.next_nonce() == 3
    assert (journal.of_key("early"), content(journal, "last")) == ([], [kept("last")])


def test_prune__filler_out_of_the_cap_of_an_open_intent__still_counts(journal):
    journal.agree("open", 7)
    journal.share("gap:1", "open")
    settle(journal, "gap:1", 1, block=10)
    journal.release("gap:1")
    record(journal, "open", 2, "open")
    journal.prune(99)
    assert content(journal, "gap:1") == [kept("gap:1")]
    journal.settle("open", digest("open"), 50)
    settle(journal, "newest", 3, block=60)
    journal.prune(99)
    assert journal.of_key("gap:1") == []


def test_prune__many__takes_a_bounded_number_oldest_first(journal):
    for nonce in range(130):
        settle(journal, f"key {nonce}", nonce, block=1000 - nonce)
    settle(journal, "newest", 130, block=2000)
    journal.prune(1500)
    assert [nonce for nonce in range(130) if journal.of_key(f"key {nonce}")[0].raw] == list(range(30))
    journal.prune(1500)
    assert not any(journal.of_key(f"key {nonce}")[0].raw for nonce in range(130))


def test_prune__pruned_already__writes_nothing(journal, database, monkeypatch):
    settle(journal, "old", 1, block=10)
    settle(journal, "newest", 2, block=12)
    journal.prune(11)
    monkeypatch.setattr(database, "transaction", None)
    journal.prune(11)


def test_settle__again_after_a_release__keeps_the_promise(journal):
    settle(journal, "old", 1, block=10)
    settle(journal, "newest", 2, block=12)
    journal.release("old")
    journal.settle("old", digest("old"), 11)
    journal.prune(12)
    assert journal.of_key("old") == []


def test_record__nonce_of_a_pruned_intent__is_refused_still(journal):
    settle(journal, "old", 1, block=10)
    settle(journal, "newest", 2, block=12)
    journal.prune(11)
    with pytest.raises(Corrupted):
        record(journal, "new", 1, "b")
