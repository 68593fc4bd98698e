"""Servers that hold some streams only, and those that begin to hold more."""

import pytest

from offchain.errors import RemoteRefused
from offchain.protocol.kv.replay import COMMIT, WRONG_TAGS
from offchain.storage.wire import to_hex
from tests.doubles.kv_parts import sender
from tests.doubles.local_web import LocalWeb
from tests.doubles.streams import StreamFile, b64, stream_id

A, B = stream_id(1), stream_id(2)
ACCOUNT, KEY = to_hex(sender(0)), b64(b"k")
ABOUT_A_STREAM = {
    "kv_getValue": lambda stream: (stream, KEY, 0, 1),
    "kv_getNext": lambda stream: (stream, KEY, 0, 1),
    "kv_getPrev": lambda stream: (stream, KEY, 0, 1),
    "kv_getFirst": lambda stream: (stream, 0, 1),
    "kv_getLast": lambda stream: (stream, 0, 1),
    "kv_hasWritePermission": lambda stream: (ACCOUNT, stream, KEY),
    "kv_isAdmin": lambda stream: (ACCOUNT, stream),
    "kv_IsAdmin": lambda stream: (ACCOUNT, stream),
    "kv_isSpecialKey": lambda stream: (stream, KEY),
    "kv_isWriterOfKey": lambda stream: (ACCOUNT, stream, KEY),
    "kv_isWriterOfStream": lambda stream: (ACCOUNT, stream),
    "kv_getStreamStatus": lambda stream: (stream,),
    "kv_getStateRoot": lambda stream: (stream,),
    "kv_getValueWithProof": lambda stream: (stream, KEY),
    "kv_getRightWithProof": lambda stream: (stream, 0, ACCOUNT),
}


def put(stream, value):
    """A transaction that writes one value."""
    return StreamFile(writes=[(stream, b"k", value)])


def results(parts, *seqs):
    return [parts.result(seq) for seq in seqs]


def methods(parts):
    return {**parts.api.methods, **parts.checked.methods}


@pytest.fixture
def call(make_parts):
    """Calls a server that holds A, and was told of submissions to B."""
    parts = make_parts(held=frozenset([A]))
    parts.send(put(A, b"a"), put(B, b"b"))
    return client(parts)


def client(parts):
    web = LocalWeb()
    web.serve("http://kv", methods(parts))
    return web.client("http://kv").rpc


def refusal(call, *params):
    with pytest.raises(RemoteRefused) as refused:
        call(*params)
    return refused.value.code, refused.value.message, refused.value.data


def test_held_streams__submissions_to_others_are_left_aside(make_parts):
    parts = make_parts(held=frozenset([A]))
    seqs = parts.send(put(A, b"a"), put(B, b"b"), StreamFile(writes=[(A, b"k", b"x"), (B, b"k", b"x")]))
    assert results(parts, *seqs) == [COMMIT, None, None]
    assert parts.waiting() == []
    assert parts.streams() == [A]


def test_held_streams__submission_left_aside__is_told_until_all_its_streams_are_held(make_parts):
    parts = make_parts(held=frozenset([A]))
    parts.send(put(A, b"a"))
    status = client(parts)
    assert status("kv_getStreamStatus", to_hex(A))["asideFrom"] is None
    both = StreamFile(writes=[(A, b"k", b"x"), (B, b"k", b"x")])
    [aside, _] = parts.send(both, both)
    assert status("kv_getStreamStatus", to_hex(A))["asideFrom"] == aside
    parts.holding.add(B)
    parts.work()
    assert status("kv_getStreamStatus", to_hex(A))["asideFrom"] is None


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


def test_methods__about_a_stream__are_all_tried_here(parts):
    asked = {name for name, method in methods(parts).items() if "stream_id" in method.__annotations__}
    assert asked == set(ABOUT_A_STREAM)


@pytest.mark.parametrize("method", ABOUT_A_STREAM)
def test_stream_that_is_not_held__asked_about__is_refused_and_not_told_to_be_empty(call, method):
    call(method, *ABOUT_A_STREAM[method](to_hex(A)))
    said = f"stream {to_hex(B)} is not held by this server, which holds {to_hex(A)}"
    assert refusal(call, method, *ABOUT_A_STREAM[method](to_hex(B))) == (-32602, "Invalid params: stream_id", said)


def test_stream_that_is_not_held__many_others_are__names_the_first_and_counts_the_rest(make_parts):
    held = [stream_id(number) for number in range(10, 25)]
    _, _, said = refusal(client(make_parts(held=frozenset(held))), "kv_getStateRoot", to_hex(A))
    named = ", ".join(map(to_hex, held[:8]))
    assert said == f"stream {to_hex(A)} is not held by this server, which holds {named} and 7 more"


def test_submission__to_a_stream_that_is_not_held__has_no_result_and_says_why(call):
    assert call("kv_getTransaction", 0)["result"] == COMMIT
    assert call("kv_getTransactionResult", 1) is None
    said = f"it belongs to stream {to_hex(B)}, which is not held by this server"
    assert refusal(call, "kv_getTransaction", 1) == (-32602, "Invalid params: tx_seq", said)


def test_added_stream__before_its_submissions_wait__is_not_told_to_be_empty(make_parts):
    parts = make_parts(held=frozenset([A]))
    file = put(B, b"b")
    [seq] = parts.send(file)
    call = client(parts)
    parts.holding.add(B)
    assert refusal(call, "kv_getStateRoot", to_hex(B))[1] == "Invalid params: stream_id"
    parts.work()
    assert refusal(call, "kv_getStateRoot", to_hex(B))[1] == "Invalid params: seq"
    parts.give(seq, file)
    assert call("kv_getStateRoot", to_hex(B))["root"] == to_hex(parts.root(B))


def test_added_stream__in_the_settings__waits_from_the_start(make_parts):
    parts = make_parts(held=frozenset([A]))
    file = put(B, b"b")
    parts.send(file)
    parts.close()
    again = make_parts(held=frozenset([A, B]), flow=parts.flow)
    assert again.waiting() == [0]
    assert refusal(client(again), "kv_getValueWithProof", to_hex(B), KEY)[1] == "Invalid params: seq"


def test_added_stream__that_others_only_read__lets_these_be_decided_anew(make_parts):
    parts, honest = make_parts(held=frozenset([A])), make_parts("honest")
    file = StreamFile(reads=[(B, b"k")], writes=[(A, b"k", b"a")], streams=[A])
    parts.send(file)
    honest.send(file)
    parts.holding.add(B)
    parts.work()
    parts.give(0, file)
    assert (parts.result(0), parts.root(A)) == (COMMIT, honest.root(A))


def test_added_stream__refusals_for_another_reason__stay_as_they_are(make_parts):
    parts = make_parts(held=frozenset([A]))
    parts.send(
        StreamFile(writes=[(B, b"k", b"b")], streams=[A]),
        StreamFile(reads=[(stream_id(3), b"k")], writes=[(A, b"k", b"a")], streams=[A]),
    )
    parts.holding.add(B)
    parts.work()
    assert (parts.waiting(), results(parts, 0, 1)) == ([], [WRONG_TAGS] * 2)
