"""Servers that start again on what an earlier process left, and how far they look ahead."""

import pytest

from offchain.protocol.kv.replay import COMMIT, MISSING
from offchain.storage.kv.server import facts, ledger, pages, values
from tests.doubles.killing import Killed
from tests.doubles.streams import StreamFile, special, stream_id

A, B, C = stream_id(1), stream_id(2), stream_id(3)


def put(stream, value):
    """A transaction that writes one value."""
    return StreamFile(writes=[(stream, b"k", value)])


def results(parts, *seqs):
    return [parts.result(seq) for seq in seqs]


def test_start__takes_up_what_was_open_and_what_is_missing(make_parts):
    parts = make_parts()
    files = [put(A, b"lost"), put(B, b"b"), put(C, b"c")]
    seqs = parts.announce(*files)
    parts.lack(seqs[0])
    parts.files.put(files[1].root, files[1].size, [memoryview(files[1].data)])
    parts.files.put(b"r" * 32, 5, [memoryview(b"stray")])
    parts.close()
    again = make_parts(flow=parts.flow, clock=parts.clock)
    assert results(again, *seqs) == [MISSING, COMMIT, None]
    assert sorted(again.looking.entries) == [seqs[0], seqs[2]]
    assert again.files.all() == []


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_start__without_all_that_was_decided__decides_it_again_to_the_same_state(make_parts, cut):
    files = [put(A, b"%d" % number) for number in range(3)]
    whole, parts = make_parts("whole"), make_parts()
    whole.send(*files)
    parts.send(*files[:cut])
    parts.close()
    again = make_parts(flow=parts.flow)
    again.send(*files[cut:])
    assert again.root(A) == whole.root(A)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["values.put", "facts.put", "pages.put", "ledger.decide"])
def test_start__killed_in_the_middle_of_a_submission__decides_it_again_from_what_was_before(
    make_parts, monkeypatch, step, when
):
    files = [put(A, b"first"), StreamFile(writes=[(A, b"k", b"v"), (A, b"l", b"w")], controls=[special(A, b"k")])]
    whole, parts = make_parts("whole"), make_parts()
    whole.send(*files)
    parts.send(files[0])
    before = parts.root(A)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        _kill(patched, step, when)
        parts.send(files[1])
    parts.close()
    again = make_parts(flow=parts.flow)
    assert (results(again, 0, 1), again.root(A, 0)) == ([COMMIT, COMMIT], before)
    assert (again.root(A), again.value(A, b"k", 0)) == (whole.root(A), b"first")


def _kill(patched, step, when):
    """The process dies before or after its first call of `step`."""
    module, name = step.split(".")
    place = {"values": values, "facts": facts, "pages": pages, "ledger": ledger}[module]
    function = getattr(place, name)

    def call(*arguments):
        if when == "after":
            function(*arguments)
        raise Killed

    patched.setattr(place, name, call)


def test_many_open_submissions__files_are_fetched_ahead_up_to_a_limit(parts, monkeypatch):
    monkeypatch.setattr("offchain.storage.kv.server.replayer.AHEAD_FILES", 4)
    files = [put(A, b"%d" % number) for number in range(10)]
    seqs = parts.announce(*files)
    assert sorted(parts.looking.entries) == seqs[:4]
    for seq, file in list(zip(seqs, files, strict=True))[:4]:
        parts.give(seq, file)
    assert sorted(parts.looking.entries) == seqs[4:8]
