from dataclasses import replace

import pytest

from offchain.errors import BadSettings, ChainInconsistent
from offchain.storage.kv.server import ledger
from offchain.storage.kv.server.ledger import END, LEDGER_SCHEMA
from offchain.store.database import Database
from tests.doubles.flow_log import made_up
from tests.doubles.streams import StreamFile, stream_id

A, B = stream_id(1), stream_id(2)


def put(stream, value=b"v"):
    return StreamFile(writes=[(stream, b"k", value)])


def test_claim__of_another_flow__is_refused(parts):
    parts.book.claim(1, "0xabc")
    parts.book.claim(1, "0xabc")
    for chain_id, flow in ((2, "0xabc"), (1, "0xdef")):
        with pytest.raises(BadSettings, match="^the data directory holds streams of the flow 0xabc on chain 1, not of"):
            parts.book.claim(chain_id, flow)


def test_record__number_that_is_not_the_next__is_not_believed(parts):
    first, second = (parts.flow.submit(put(A).submission(), 1) for _ in range(2))
    for submitted in ([second], [first, first], [first, second, first]):
        with (
            pytest.raises(ChainInconsistent, match="where [0-9] was due$"),
            parts.database.transaction() as transaction,
        ):
            ledger.record(transaction, submitted, None, 0.0)
    assert parts.book.progress() == (0, 0)


def test_progress__submissions_of_other_kinds__count(parts):
    parts._record([parts.flow.submit(made_up(300, seed), 1) for seed in range(3)])
    assert parts.book.progress() == (3, 3)
    parts.announce(put(A))
    assert parts.book.progress() == (4, 3)


def test_forget__block_in_the_middle__keeps_what_is_below(parts):
    parts.send(put(A))
    parts._record([parts.flow.submit(made_up(300), 2)])
    parts.announce(put(B), block=3)
    with parts.database.transaction() as transaction:
        assert ledger.forget(transaction, 2) == (2, {B})
    assert (parts.book.progress(), parts.book.entry(2)) == ((2, 2), None)
    with parts.database.transaction() as transaction:
        assert ledger.forget(transaction, 1) == (1, set())
        assert ledger.forget(transaction, 0) == (0, {A})


@pytest.mark.parametrize("seq", [7, END, END + 1, (1 << 64) - 1])
def test_entry__number_that_nobody_has__is_none(parts, seq):
    parts.announce(put(A))
    assert parts.book.entry(seq) is None


def test_waiting__more_than_asked_for__goes_on_behind(parts):
    parts.announce(*(put(A, b"%d" % number) for number in range(5)))
    found, after = [], -1
    while page := parts.book.waiting(after, 2):
        assert len(page) <= 2
        found += [entry.seq for entry in page]
        after = found[-1]
    assert found == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("SELECT min(seq) FROM submissions WHERE state = 0", "submissions_waiting"),
        ("SELECT * FROM submissions WHERE missing = 1 AND seq > 5 ORDER BY seq LIMIT 9", "submissions_missing"),
        ("SELECT stream FROM members WHERE seq = 5 AND tagged = 1", "members_by_seq"),
        ("SELECT next_seq FROM marks WHERE block <= 5 ORDER BY block DESC LIMIT 1", "INTEGER PRIMARY KEY"),
        (
            "SELECT 1 FROM submissions WHERE root = x'' AND size = 5 AND (state = 0 OR missing = 1)",
            "submissions_by_root",
        ),
    ],
)
def test_query__that_runs_for_every_submission__is_a_look_into_an_index(parts, sql, index):
    [plan] = parts.database.query("EXPLAIN QUERY PLAN " + sql)
    assert index in plan["detail"]
    assert plan["detail"].startswith("SEARCH") or "min" in sql


def test_first_waiting__in_a_long_stream__is_a_look_into_an_index(parts):
    seen = []

    class Reader:
        def execute(self, sql, parameters):
            seen.extend(parts.database.query("EXPLAIN QUERY PLAN " + sql, parameters))
            return parts.database._reader().execute(sql, parameters)

    assert ledger.first_waiting(Reader(), A) is None
    assert seen[0]["detail"] == "SEARCH members USING INDEX members_waiting (stream=?)"


def test_schema__of_a_ledger_that_left_submissions_aside_before_that_was_marked__marks_them(tmp_path):
    stream, file = stream_id(1), tmp_path / "kv.sqlite"
    old = Database(file, replace(LEDGER_SCHEMA, migrations=LEDGER_SCHEMA.migrations[:1]), durable=False)
    with old.transaction() as transaction:
        for seq, state in ((0, ledger.DECIDED), (1, ledger.ELSEWHERE), (2, ledger.ELSEWHERE)):
            row = (seq, seq, bytes(32), 1, 1, bytes(20), 0.0, state)
            columns = "seq, block, root, size, start, sender, since, state"
            transaction.execute(f"INSERT INTO submissions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            transaction.execute("INSERT INTO members VALUES (?, ?, 1, 0)", (stream, seq))
    old.close()
    with Database(file, LEDGER_SCHEMA, durable=False) as database, database.snapshot() as reader:
        assert ledger.first_aside(reader, stream) == 1
