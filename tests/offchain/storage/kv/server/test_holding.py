"""Servers that hold some streams only, and those that begin to hold more."""

from offchain.protocol.kv.replay import COMMIT, WRONG_TAGS
from tests.doubles.streams import StreamFile, stream_id

A, B = stream_id(1), stream_id(2)


def put(stream, value):
    """A transaction that writes one value."""
    return StreamFile(writes=[(stream, b"k", value)])


def results(parts, *seqs):
    return [parts.result(seq) for seq in seqs]


def test_held_streams__submissions_to_others_are_left_aside(make_parts):
    parts = make_parts(held=frozenset([A]))
    seqs = parts.send(put(A, b"a"), put(B, b"b"), StreamFile(writes=[(A, b"k", b"x"), (B, b"k", b"x")]))
    assert results(parts, *seqs) == [COMMIT, None, None]
    assert parts.waiting() == []
    assert parts.streams() == [A]


def test_held_streams__read_of_another__is_refused(make_parts):
    parts = make_parts(held=frozenset([A]))
    [seq] = parts.send(StreamFile(reads=[(B, b"k")], writes=[(A, b"k", b"a")], streams=[A]))
    assert parts.result(seq) == WRONG_TAGS


def test_added_stream__is_replayed_from_its_beginning_with_all_that_it_touches(make_parts):
    parts, honest = make_parts(held=frozenset([A])), make_parts("honest")
    files = [put(A, b"a"), put(B, b"b"), StreamFile(writes=[(A, b"x", b"x"), (B, b"k", b"y")]), put(A, b"last")]
    parts.send(*files)
    honest.send(*files)
    assert parts.root(A) != honest.root(A)
    assert parts.holding.add(B)
    parts.work()
    for seq in parts.waiting():
        parts.give(seq, files[seq])
    assert results(parts, *range(4)) == [COMMIT] * 4
    assert [parts.root(stream) for stream in (A, B)] == [honest.root(stream) for stream in (A, B)]
    assert not parts.holding.add(B)
