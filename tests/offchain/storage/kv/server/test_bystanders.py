"""Submissions that name streams in which their sender has no right: they may read there, and hold nobody up."""

from offchain.protocol.kv.replay import COMMIT, CONFLICT, MISSING
from tests.doubles.kv_parts import sender
from tests.doubles.streams import StreamFile, grant_writer, stream_id

A, B, C = stream_id(1), stream_id(2), stream_id(3)


def put(stream, value, key=b"k", **options):
    """A transaction that writes one value."""
    return StreamFile(writes=[(stream, key, value)], **options)


def results(parts, *seqs):
    return [parts.result(seq) for seq in seqs]


def test_stranger_withholds_a_file__streams_of_others__neither_wait_nor_become_provisional(parts):
    parts.send(put(A, b"a"), put(B, b"b"))
    lure = StreamFile(writes=[(C, b"k", b"c")], streams=[A, B, C])
    [held_up] = parts.announce(lure, by=1)
    later = parts.send(put(A, b"a2"), put(B, b"b2"))
    assert results(parts, held_up, *later) == [None, COMMIT, COMMIT]
    parts.lack(held_up)
    assert parts.result(held_up) == MISSING
    assert [parts.provisional(stream) for stream in (A, B, C)] == [None, None, held_up]
    root = parts.root(A)
    parts.give(held_up, lure)
    assert results(parts, held_up, *later) == [COMMIT] * 3
    assert (parts.root(A), parts.provisional(C)) == (root, None)


def test_stranger_withholds_two_files__the_second_waiting_for_the_first__others_do_not_wait(parts):
    parts.send(put(A, b"a"))
    parts.announce(put(C, b"c"), StreamFile(writes=[(C, b"k", b"d")], streams=[A, C]), by=1)
    [later] = parts.send(put(A, b"a2"))
    assert parts.result(later) == COMMIT


def test_submission_that_names_a_stream_to_read_it__its_file_comes_late__sees_what_came_before_it(parts):
    parts.send(put(A, b"a"))
    reader = StreamFile(version=0, reads=[(A, b"k")], writes=[(C, b"k", b"c")], streams=[A, C])
    stale = StreamFile(version=0, reads=[(A, b"k")], writes=[(B, b"k", b"b")], streams=[A, B])
    [early] = parts.announce(reader, by=1)
    [changed] = parts.send(put(A, b"a2"))
    [late] = parts.announce(stale, by=1)
    parts.give(early, reader)
    parts.give(late, stale)
    assert results(parts, early, changed, late) == [COMMIT, COMMIT, CONFLICT]


def test_sender_gets_a_right_by_a_file_that_comes_late__its_own_file_is_waited_for_again(parts):
    parts.send(put(A, b"a"))
    grant = StreamFile(controls=[grant_writer(A, sender(1))])
    writes = StreamFile(writes=[(A, b"k", b"theirs"), (C, b"k", b"c")])
    [granted] = parts.announce(grant)
    parts.lack(granted)
    [written] = parts.announce(writes, by=1)
    [last] = parts.send(put(A, b"last", key=b"other"))
    assert results(parts, granted, written, last) == [MISSING, None, COMMIT]
    parts.give(granted, grant)
    assert results(parts, granted, written, last) == [COMMIT, None, None]
    parts.give(written, writes)
    assert parts.result(written) == COMMIT
    assert parts.value(A, b"k") == b"theirs"
