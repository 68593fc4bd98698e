import pytest

from offchain.errors import Busy, Refused, Retryable
from offchain.protocol.kv.replay import COMMIT, CONFLICT, MISSING, NO_PERMISSION
from offchain.protocol.kv.stream_data import UNCHECKED, Read, Write
from offchain.storage.kv.client.evidence import NEVER, Evidence, Moment, Value
from offchain.storage.kv.client.transaction import Conflict, NotCommitted, Outcome, Transaction
from tests.doubles.streams import stream_id

STREAM, OTHER = stream_id(1), stream_id(2)


class State:
    """Values by key, as of `seq`; remembers what was asked and sent."""

    def __init__(self, values=(), seq=7):
        self.values = dict(values)
        self.seq = seq
        self.asked = []
        self.sent = []

    def look(self, stream, key, at):
        self.asked.append((stream, key, at))
        moment = Moment(stream, self.seq if at is None else at, bytes(32))
        return Value(self.values.get(key, b""), 3, Evidence(moment, ("http://kv",)))

    def commit(self, data):
        self.sent.append(data)
        return Outcome(9, "0x00", COMMIT)

    def begin(self):
        return Transaction(self.look, self.commit)


def test_get__several_keys__are_all_of_the_first_ones_moment():
    state = State({b"a": b"1", b"b": b"2"})
    transaction = state.begin()
    assert [transaction.get(STREAM, b"a"), transaction.get(OTHER, b"b"), transaction.get(STREAM, b"c")] == [
        b"1",
        b"2",
        None,
    ]
    assert state.asked == [(STREAM, b"a", None), (OTHER, b"b", 7), (STREAM, b"c", 7)]
    assert transaction.version == 7


def test_get__own_write__is_seen_and_not_asked_for():
    state = State({b"a": b"old"})
    transaction = state.begin()
    transaction.put(STREAM, b"a", b"new")
    assert transaction.get(STREAM, b"a") == b"new"
    transaction.delete(STREAM, b"a")
    assert transaction.get(STREAM, b"a") is None
    assert state.asked == []


def test_commit__reads_and_writes__declares_the_moment_and_what_was_read():
    state = State()
    transaction = state.begin()
    transaction.get(STREAM, b"read")
    transaction.get(STREAM, b"both")
    transaction.get(STREAM, b"read")
    transaction.put(STREAM, b"both", b"1")
    assert transaction.commit().committed
    (data,) = state.sent
    # What is written is compared with the version anyway: to read it too would say nothing more.
    assert (data.version, data.reads, data.writes) == (7, (Read(STREAM, b"read"),), (Write(STREAM, b"both", b"1"),))


def test_commit__nothing_read__conflicts_with_nothing():
    state = State()
    transaction = state.begin()
    transaction.put(STREAM, b"a", b"1")
    transaction.commit()
    assert state.sent[0].version == UNCHECKED


def test_commit__nothing_written__sends_nothing():
    state = State()
    transaction = state.begin()
    transaction.get(STREAM, b"a")
    assert transaction.commit() is None
    assert state.sent == []


def test_get__before_the_first_submission__is_refused():
    """The first submission's number is that of keys never written: nothing can conflict with it."""
    with pytest.raises(Busy, match="put something without a transaction first"):
        State(seq=NEVER).begin().get(STREAM, b"a")


RESULTS = {
    COMMIT: ("committed", None),
    CONFLICT: ("conflict", Conflict),
    NO_PERMISSION: ("refused", NotCommitted),
    MISSING: ("refused", NotCommitted),
    "DataParseError: whatever": ("refused", NotCommitted),
    "a word of the future": ("refused", NotCommitted),
}


@pytest.mark.parametrize("result", RESULTS)
def test_outcome__result__has_a_state_and_an_error(result):
    outcome = Outcome(5, "0x00", result, "somebody was faster")
    state, error = RESULTS[result]
    assert (outcome.state, outcome.committed) == (state, error is None)
    if error is None:
        assert outcome.check() is outcome
        return
    with pytest.raises(error, match=rf"submission 5 took no effect: {result} \(somebody was faster\)"):
        outcome.check()


def test_outcome__errors__tell_whether_trying_again_helps():
    assert issubclass(Conflict, Retryable)
    assert issubclass(NotCommitted, Refused)
