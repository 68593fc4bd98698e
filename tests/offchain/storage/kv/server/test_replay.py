"""The order in which submissions are decided, whatever comes when; files that stay away, and that come late."""

from offchain.protocol.kv.replay import (
    COMMIT,
    CONFLICT,
    INVALID_DATA,
    MAX_DATA_BYTES,
    MISSING,
    NO_PERMISSION,
)
from offchain.storage.kv.server.replay import Outcome
from tests.doubles.kv_parts import PATIENCE, sender
from tests.doubles.streams import StreamFile, grant_writer, stream_id

A, B, C = stream_id(1), stream_id(2), stream_id(3)


def put(stream, value, key=b"k", **options):
    """A transaction that writes one value."""
    return StreamFile(writes=[(stream, key, value)], **options)


def results(parts, *seqs):
    return [parts.result(seq) for seq in seqs]


# Order


def test_submission__its_file_is_there__is_decided_and_its_file_dropped(parts):
    file = put(A, b"v")
    [seq] = parts.announce(file)
    assert parts.result(seq) is None
    assert list(parts.looking.entries) == [seq]
    parts.give(seq, file)
    assert (parts.result(seq), parts.value(A, b"k")) == (COMMIT, b"v")
    assert not parts.files.has(file.root, file.size)


def test_submission__without_streams__only_counts(parts):
    [seq] = parts.announce(StreamFile(streams=[A]), put(A, b"v"))[:1]
    parts.flow.submit(put(B, b"x").tree.submission(b"other tags"), parts.block + 1)
    parts._record(parts.flow.submitted[-1:])
    assert parts.book.progress() == (3, seq)
    assert parts.book.entry(2) is None


def test_files_in_reverse_order__submissions_are_decided_in_the_flows(parts):
    files = [put(A, b"%d" % number, version=max(number - 1, 0)) for number in range(4)]
    seqs = parts.announce(*files)
    for seq, file in reversed(list(zip(seqs, files, strict=True))):
        assert results(parts, *seqs) == [None] * 4
        parts.give(seq, file)
    assert results(parts, *seqs) == [COMMIT] * 4
    assert [parts.value(A, b"k", version) for version in seqs] == [b"0", b"1", b"2", b"3"]


def test_file_not_there__other_streams_go_on(parts):
    waits, other = parts.announce(put(A, b"a"), put(B, b"b"))
    parts.give(other, put(B, b"b"))
    assert results(parts, waits, other) == [None, COMMIT]
    assert parts.book.progress() == (2, waits)


def test_submission_to_two_streams__waits_for_both_and_holds_both_up(parts):
    files = put(A, b"a1"), put(B, b"b1"), StreamFile(writes=[(A, b"k", b"a2"), (B, b"k", b"b2")]), put(B, b"b3")
    seqs = parts.announce(*files)
    for at in (2, 3, 1):
        parts.give(seqs[at], files[at])
    assert results(parts, *seqs) == [None, COMMIT, None, None]
    parts.give(seqs[0], files[0])
    assert results(parts, *seqs) == [COMMIT] * 4
    assert (parts.value(A, b"k"), parts.value(B, b"k")) == (b"a2", b"b3")


def test_read_of_an_untagged_stream__waits_for_it_once_that_is_known(parts):
    first, reader = put(A, b"a"), StreamFile(version=0, reads=[(A, b"k")], writes=[(B, b"k", b"b")], streams=[B])
    parts.send(put(C, b"c"))
    seqs = parts.announce(first, reader)
    parts.give(seqs[1], reader)
    assert results(parts, *seqs) == [None, None]
    parts.give(seqs[0], first)
    assert results(parts, *seqs) == [COMMIT, CONFLICT]


def test_read_of_an_untagged_stream__does_not_hold_that_stream_up(parts):
    reader, later = StreamFile(reads=[(A, b"k")], writes=[(B, b"k", b"b")], streams=[B]), put(A, b"a")
    first = put(B, b"first")
    seqs = parts.announce(first, reader, later)
    parts.give(seqs[1], reader)
    parts.give(seqs[2], later)
    assert results(parts, *seqs) == [None, None, COMMIT]
    parts.give(seqs[0], first)
    assert results(parts, *seqs) == [COMMIT] * 3


def test_read__sees_the_state_before_its_submission_though_later_ones_were_decided(parts):
    reader = StreamFile(version=0, reads=[(A, b"k")], writes=[(B, b"k", b"b")], streams=[B])
    seqs = parts.announce(put(C, b"c"), reader, put(A, b"a"))
    parts.give(seqs[2], put(A, b"a"))
    parts.give(seqs[1], reader)
    assert results(parts, *seqs[1:]) == [COMMIT, COMMIT]


# What needs no file, or no good one


def test_stranger__is_refused_without_the_file(parts):
    parts.send(put(A, b"a"))
    [seq] = parts.announce(put(A, b"stolen"), by=1)
    assert parts.result(seq) == NO_PERMISSION


def test_stranger__behind_an_open_submission__is_decided_after_it(parts):
    grant = StreamFile(controls=[grant_writer(A, sender(1))])
    seqs = parts.announce(grant) + parts.announce(put(A, b"by a writer"), by=1)
    assert results(parts, *seqs) == [None, None]
    assert sorted(parts.looking.entries) == seqs
    parts.give(seqs[0], grant)
    assert results(parts, *seqs) == [COMMIT, None]
    parts.give(seqs[1], put(A, b"by a writer"))
    assert parts.result(seqs[1]) == COMMIT


def test_stranger__whose_file_was_looked_for_ahead__is_looked_for_no_more(parts):
    parts.send(put(A, b"a"))
    seqs = parts.announce(put(A, b"open")) + parts.announce(put(A, b"stolen"), by=1)
    assert sorted(parts.looking.entries) == seqs
    parts.give(seqs[0], put(A, b"open"))
    assert (results(parts, *seqs), parts.looking.entries) == ([COMMIT, NO_PERMISSION], {})


def test_file_that_is_no_transaction__is_decided_and_says_why(parts):
    [seq] = parts.send(put(A, b"v", cut=3))
    assert parts.result(seq) == INVALID_DATA
    assert parts.book.entry(seq).reason.endswith("is cut off: 1 bytes are left")
    assert parts.streams() == []


def test_file_above_the_limit__is_never_fetched(parts):
    file = put(A, b"v")
    file.__dict__["tree"] = file.tree
    submission = file.submission()
    large = type(submission)(MAX_DATA_BYTES + 1, submission.tags, submission.nodes)
    parts._record([parts.flow.submit(large, 1, caller="0x" + sender(0).hex())])
    assert parts.result(0) == INVALID_DATA
    assert parts.looking.entries == {}


def test_file_that_the_disk_has_changed__is_fetched_again(parts):
    file = put(A, b"v")
    [seq] = parts.announce(file)
    parts.files.put(file.root, file.size, [memoryview(bytes(file.size))])
    parts.looking.entries.clear()
    parts.replayer.arrived(seq)
    parts.work()
    assert parts.result(seq) is None
    assert list(parts.looking.entries) == [seq]
    parts.give(seq, file)
    assert parts.result(seq) == COMMIT


# Files that stay away


def test_missing_file__before_its_time__holds_its_stream_up(parts):
    seqs = parts.announce(put(A, b"lost"), put(A, b"kept"))
    parts.give(seqs[1], put(A, b"kept"))
    parts.lack(seqs[0], seconds=PATIENCE - 1)
    assert results(parts, *seqs) == [None, None]


def test_missing_file__after_its_time__is_passed_over_and_marks_its_stream(parts):
    kept = put(A, b"kept")
    seqs = parts.announce(put(A, b"lost"), kept, put(B, b"other"))
    parts.give(seqs[2], put(B, b"other"))
    parts.give(seqs[1], kept)
    parts.lack(seqs[0])
    assert results(parts, *seqs) == [MISSING, COMMIT, COMMIT]
    assert (parts.provisional(A), parts.provisional(B)) == (seqs[0], None)
    assert [parts.book.entry(seq).provisional for seq in seqs] == [False, True, False]
    assert seqs[0] in parts.looking.entries
    assert parts.files.has(kept.root, kept.size)


def test_missing_file__behind_an_open_submission__is_not_passed_over_before_it(parts):
    seqs = parts.announce(put(A, b"first"), put(A, b"second"))
    parts.clock.sleep(PATIENCE)
    parts.lack(seqs[1], seconds=0)
    assert results(parts, *seqs) == [None, None]
    parts.lack(seqs[0], seconds=0)
    assert results(parts, *seqs) == [MISSING, MISSING]


def test_missing_file__that_comes_while_it_waits_to_be_passed_over__counts(parts):
    files = [put(A, b"first"), put(A, b"second")]
    seqs = parts.announce(*files)
    parts.lack(seqs[1])
    parts.give(seqs[1], files[1])
    parts.lack(seqs[0], seconds=0)
    assert results(parts, *seqs) == [MISSING, COMMIT]


def test_missing_file__of_a_number_that_a_fork_gave_to_another__is_not_held_against_it(parts):
    parts.send(put(A, b"v"))
    parts.announce(put(A, b"open"), block=2)
    [seq] = parts.announce(put(A, b"lost"), block=3)
    parts.lack(seq)
    parts.roll_back(2)
    [again] = parts.announce(put(A, b"another"))
    parts.give(again - 1, put(A, b"open"))
    assert (again, parts.result(again)) == (seq, None)


def test_missing_file__that_comes_late__is_as_if_it_had_been_there(parts, make_parts):
    lost, kept = put(A, b"lost", key=b"l"), put(A, b"kept")
    unseen = StreamFile(writes=[(A, b"x", b"ax"), (B, b"x", b"bx")])
    reader = StreamFile(version=0, reads=[(B, b"x")], writes=[(C, b"k", b"c")], streams=[C])
    files = [put(C, b"before"), lost, kept, unseen, reader, put(B, b"b"), put(C, b"c2")]
    seqs = parts.announce(*files)
    for seq, file in zip(seqs, files, strict=True):
        if file is not lost:
            parts.give(seq, file)
    parts.lack(seqs[1])
    assert parts.result(seqs[1]) == MISSING
    assert [parts.provisional(stream) for stream in (A, B, C)] == [seqs[1], seqs[3], seqs[4]]

    parts.give(seqs[1], lost)
    honest = make_parts("honest")
    honest.send(*files)
    assert results(parts, *seqs) == results(honest, *seqs)
    assert [parts.root(stream) for stream in (A, B, C)] == [honest.root(stream) for stream in (A, B, C)]
    assert [parts.provisional(stream) for stream in (A, B, C)] == [None] * 3
    assert not parts.files.all()


def test_missing_file__that_would_have_founded_the_stream__takes_it_from_who_came_second(parts):
    first, second = put(A, b"first"), put(A, b"second")
    seqs = parts.announce(first, by=0) + parts.announce(second, by=1)
    parts.give(seqs[1], second)
    parts.lack(seqs[0])
    assert parts.value(A, b"k") == b"second"
    parts.give(seqs[0], first)
    assert results(parts, *seqs) == [COMMIT, NO_PERMISSION]
    assert parts.value(A, b"k") == b"first"


def test_missing_file__after_a_submission_that_reads_its_stream__does_not_mark_that_one(parts):
    reader = StreamFile(reads=[(B, b"k")], writes=[(A, b"k", b"a")], streams=[A])
    seqs = parts.announce(reader, put(B, b"lost"))
    parts.lack(seqs[1])
    parts.give(seqs[0], reader)
    assert (results(parts, *seqs), parts.provisional(A), parts.provisional(B)) == ([COMMIT, MISSING], None, seqs[1])
    assert not parts.book.entry(seqs[0]).provisional


def test_two_missing_files__the_later_comes_first__the_earlier_still_marks_the_stream(parts):
    files = [put(A, b"%d" % number) for number in range(3)]
    seqs = parts.announce(*files)
    parts.give(seqs[2], files[2])
    parts.lack(seqs[0])
    parts.lack(seqs[1], seconds=0)
    assert results(parts, *seqs) == [MISSING, MISSING, COMMIT]
    parts.give(seqs[1], files[1])
    assert results(parts, *seqs) == [MISSING, COMMIT, COMMIT]
    assert parts.provisional(A) == seqs[0]
    parts.give(seqs[0], files[0])
    assert results(parts, *seqs) == [COMMIT] * 3
    assert parts.provisional(A) is None


def test_missing_file__that_comes_after_its_pages_were_dropped__still_leads_to_the_same_root(make_parts):
    parts, honest = make_parts(history=2), make_parts("honest")
    files = [put(A, b"%d" % number, key=b"key %d" % (number % 3)) for number in range(12)]
    seqs = parts.announce(*files)
    for at in (0, 1, *range(3, 12)):
        parts.give(seqs[at], files[at])
    parts.lack(seqs[2])
    parts.give(seqs[2], files[2])
    honest.send(*files)
    assert [parts.root(A, seq) for seq in seqs] == [honest.root(A, seq) for seq in seqs]


# Reorganisations


def test_rollback__takes_back_what_was_decided_above_the_block(parts):
    parts.send(put(A, b"old"), StreamFile(controls=[grant_writer(A, sender(1))]))
    before = parts.root(A)
    parts.send(put(A, b"new"), put(B, b"b"))
    parts.roll_back(1)
    assert (parts.value(A, b"k"), parts.root(A), parts.streams()) == (b"old", before, [A])
    assert parts.book.progress() == (2, 2)
    [seq] = parts.send(put(A, b"other"), by=1)
    assert (seq, parts.result(seq), parts.value(A, b"k")) == (2, COMMIT, b"other")


def test_rollback__of_everything__leaves_nothing(parts):
    parts.send(put(A, b"v"))
    parts.roll_back(0)
    assert (parts.value(A, b"k"), parts.streams(), parts.book.progress()) == (None, [], (0, 0))


def test_rollback__of_a_missing_file__takes_its_mark_off(parts):
    parts.send(put(A, b"v"))
    [seq] = parts.announce(put(A, b"lost"))
    parts.lack(seq)
    assert parts.provisional(A) == seq
    parts.roll_back(1)
    assert parts.provisional(A) is None
    assert parts.looking.entries == {}


def test_attempt__of_what_the_chain_took_back__does_nothing(parts):
    [seq] = parts.announce(put(A, b"v"))
    parts.roll_back(0)
    assert parts.replay.attempt(seq).outcome is Outcome.GONE
    assert parts.replay.restore(seq) == []


def test_attempt__of_a_submission_that_another_replaced_meanwhile__leaves_the_new_one_open(parts):
    old, new = put(A, b"old"), put(A, b"new")
    [seq] = parts.announce(old)
    entry = parts.book.entry(seq)
    parts.clock.sleep(1)
    parts.roll_back(0)
    parts.announce(new)
    assert parts.replay._decide(entry, old.stream_data).outcome is Outcome.BLOCKED
    assert parts.result(seq) is None
