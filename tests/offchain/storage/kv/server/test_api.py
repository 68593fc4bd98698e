"""What the methods answer at their edges; shapes are tested in test_methods."""

import asyncio
import base64
import threading

import pytest

from offchain.errors import Busy, RemoteRefused
from offchain.runtime.threads import in_thread
from offchain.storage.kv.server.api import MAX_WAITING, PAST_SEARCHES
from offchain.storage.kv.wire import MAX_QUERY_BYTES
from offchain.storage.wire import to_hex
from tests.doubles.files import random_bytes
from tests.doubles.kv_parts import sender
from tests.doubles.local_web import LocalWeb
from tests.doubles.streams import (
    StreamFile,
    b64,
    grant_special_writer,
    grant_writer,
    renounce_admin,
    special,
    stream_id,
)

A, B = stream_id(1), stream_id(2)
NOTHING = {"version": 0, "data": "", "size": 0}
U64 = (1 << 64) - 1
TOO_LONG = (-32602, "Invalid params: len", "query length too large")
EMPTY_KEY = (-32602, "Invalid params: key", "key is empty")
BEYOND = (-32602, "Invalid params: start_index", "start index is greater than value length")


@pytest.fixture
def call(parts):
    """Calls a public method by its name without the prefix; streams and keys may be bytes."""
    web = LocalWeb()
    web.serve("http://kv", {**parts.api.methods, **parts.checked.methods})
    client = web.client("http://kv")

    def made(method, *params):
        return client.rpc(f"kv_{method}", *map(_written, params))

    return made


def _written(value):
    if isinstance(value, bytes):
        return to_hex(value) if len(value) in (20, 32) else b64(value)
    return value


def refusal(call, *params):
    with pytest.raises(RemoteRefused) as refused:
        call(*params)
    return refused.value.code, refused.value.message, refused.value.data


def shown(key, value, version, part=slice(None)):
    return {"version": version, "key": b64(key), "data": b64(value[part]), "size": len(value)}


@pytest.fixture
def written(parts):
    """Keys a to d in stream A at 0, b deleted and c changed at 1, d deleted at 2."""
    parts.send(StreamFile(writes=[(A, key, b"value of " + key) for key in (b"a", b"b", b"c", b"d")]))
    parts.send(StreamFile(writes=[(A, b"b", b""), (A, b"c", b"new")]))
    parts.send(StreamFile(writes=[(A, b"d", b"")]))
    return parts


# Values


def test_value__never_written__is_empty_with_version_zero(call, written):
    assert call("getValue", A, b"never", 0, 10) == NOTHING
    assert call("getValue", B, b"a", 0, 10) == NOTHING
    assert call("getValue", A, b"never", 5, 10) == NOTHING


def test_value__deleted__is_empty_with_the_version_that_deleted_it(call, written):
    assert call("getValue", A, b"b", 0, 10) == {"version": 1, "data": "", "size": 0}
    assert call("getValue", A, b"b", 5, 10) == {"version": 1, "data": "", "size": 0}


@pytest.mark.parametrize(
    ("version", "value", "wrote"),
    [(0, b"value of c", 0), *((later, b"new", 1) for later in (1, 2, 1 << 40, 1 << 63, U64))],
)
def test_value__at_a_version__is_the_newest_up_to_it(call, written, version, value, wrote):
    told = call("getValue", A, b"c", 0, 100, version)
    assert told == {"version": wrote, "data": b64(value), "size": len(value)}
    assert call("getValue", A, b"c", 0, 100, None) == call("getValue", A, b"c", 0, 100)


@pytest.mark.parametrize(
    ("start", "length", "data"),
    [(0, 1, b"v"), (6, 2, b"of"), (9, 100, b"a"), (10, 1, b""), (0, MAX_QUERY_BYTES, b"value of a"), (99, 0, b"")],
)
def test_value__any_part__is_cut_at_the_end(call, written, start, length, data):
    assert call("getValue", A, b"a", start, length) == {"version": 0, "data": b64(data), "size": 10}


def test_value__from_beyond_its_end__is_refused(call, written):
    assert refusal(call, "getValue", A, b"a", 11, 1) == BEYOND
    assert refusal(call, "getFirst", A, 11, 1) == BEYOND
    assert refusal(call, "getNext", A, b"a", 11, 1, True) == BEYOND


def test_value__larger_than_one_answer__comes_in_pieces(call, parts):
    value = random_bytes(2 * MAX_QUERY_BYTES + 7)
    parts.send(StreamFile(writes=[(A, b"large", value)]))
    pieces = [call("getValue", A, b"large", at, MAX_QUERY_BYTES) for at in range(0, len(value), MAX_QUERY_BYTES)]
    assert b"".join(base64.b64decode(piece["data"]) for piece in pieces) == value
    assert {piece["size"] for piece in pieces} == {len(value)}
    assert call("getFirst", A, 5, 3)["data"] == b64(value[5:8])


@pytest.mark.parametrize(
    "params",
    [
        ("getValue", A, b"a", 0),
        ("getNext", A, b"a", 0),
        ("getPrev", A, b"a", 0),
        ("getFirst", A, 0),
        ("getLast", A, 0),
    ],
    ids=lambda params: params[0],
)
def test_length__above_the_limit__is_refused(call, written, params):
    call(*params, MAX_QUERY_BYTES)
    assert refusal(call, *params, MAX_QUERY_BYTES + 1) == TOO_LONG


@pytest.mark.parametrize(
    "params",
    [
        ("getValue", A, "", 0, 1),
        ("getNext", A, "", 0, 1, False),
        ("getPrev", A, "", 0, 1, False),
        ("hasWritePermission", sender(0), A, ""),
        ("isSpecialKey", A, ""),
        ("isWriterOfKey", sender(0), A, ""),
    ],
    ids=lambda params: params[0],
)
def test_key__empty__is_refused(call, params):
    assert refusal(call, *params) == EMPTY_KEY


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (("getValue", "0x12", b"a", 0, 1), "stream_id: expected a 0x-prefixed hex string of 32 bytes"),
        (("getValue", A, 5, 0, 1), "key: expected a base64 string"),
        (("getValue", A, "?", 0, 1), "key: expected a base64 string"),
        (("getValue", A, b"a", -1, 1), "start_index: Input should be greater than or equal to 0"),
        (("getValue", A, b"a", 0, "1"), "length: Input should be a valid integer"),
        (("getValue", A, b"a", 0, 1, 1 << 64), f"version: Input should be less than {1 << 64}"),
        (("getValue", A, b"a", 0), "missing parameter length"),
        (("getNext", A, b"a", 0, 1, "yes"), "inclusive: Input should be a valid boolean"),
        (("isAdmin", "0x" + "1" * 39, A), "account: expected a 0x-prefixed hex string of 20 bytes"),
        (("isAdmin", A, A), "account: expected a 0x-prefixed hex string of 20 bytes"),
        (("getTransactionResult", "x"), "tx_seq: Input should be a valid integer"),
        (("getTransactionResult", -1), "tx_seq: Input should be greater than or equal to 0"),
    ],
)
def test_parameter__of_another_form__is_refused_by_name(call, params, reason):
    assert refusal(call, *params) == (-32602, "Invalid params", reason)


# Neighbours


def test_first_and_last__pass_over_deleted_keys(call, written):
    assert call("getFirst", A, 0, 100) == shown(b"a", b"value of a", 0)
    assert call("getLast", A, 0, 100) == shown(b"c", b"new", 1)
    assert call("getLast", A, 0, 100, 1) == shown(b"d", b"value of d", 0)
    assert call("getFirst", B, 0, 100) is None


def test_next__from_each_key__leads_through_the_stream(call, written):
    seen, pair = [], call("getFirst", A, 0, 0)
    while pair is not None:
        key = base64.b64decode(pair["key"])
        seen.append(key)
        pair = call("getNext", A, key, 0, 0, False)
    assert seen == [b"a", b"c"]
    assert [call("getNext", A, key, 0, 1, False, 0)["key"] for key in (b"a", b"b", b"c")] == list(
        map(b64, (b"b", b"c", b"d"))
    )


@pytest.mark.parametrize(
    ("key", "inclusive", "after", "before"),
    [
        (b"a", True, b"a", b"a"),
        (b"a", False, b"c", None),
        (b"b", True, b"c", b"a"),  # deleted: not there, inclusive or not
        (b"b", False, b"c", b"a"),
        (b"bb", True, b"c", b"a"),
        (b"c", False, None, b"a"),
        (b"d", True, None, b"c"),
    ],
)
def test_next_and_previous__at_the_edges(call, written, key, inclusive, after, before):
    found = [call(method, A, key, 0, 0, inclusive) for method in ("getNext", "getPrev")]
    assert [pair and base64.b64decode(pair["key"]) for pair in found] == [after, before]


# Rights


def test_rights__of_each_kind__are_told_at_each_version(call, parts):
    parts.send(StreamFile(writes=[(A, b"k", b"v")]))
    parts.send(StreamFile(controls=[grant_writer(A, sender(1)), special(A, b"k")]))
    parts.send(StreamFile(controls=[grant_special_writer(A, b"k", sender(1)), renounce_admin(A)]))
    asked = [
        ("isAdmin", sender(0), A),
        ("isWriterOfStream", sender(1), A),
        ("isSpecialKey", A, b"k"),
        ("isWriterOfKey", sender(1), A, b"k"),
        ("hasWritePermission", sender(0), A, b"k"),
        ("hasWritePermission", sender(1), A, b"k"),
        ("hasWritePermission", sender(1), A, b"other"),
    ]
    told = {version: [call(*each, version) for each in asked] for version in (0, 1, 2, U64)}
    assert told[0] == [True, False, False, False, True, False, False]
    assert told[1] == [True, True, True, False, True, False, True]
    assert told[2] == told[U64] == [False, True, True, True, False, True, True]
    assert call("IsAdmin", sender(0), A, 1) is True


def test_rights__of_a_stream_that_nobody_has_written__are_everybodys_but_for_roles(call):
    assert call("hasWritePermission", sender(3), B, b"k") is True
    assert call("isAdmin", sender(3), B) is False


# Progress


def test_progress__counts_up_to_the_first_open_submission(call, parts):
    assert call("getReplayProgress") == {"appliedSeq": 0, "firstTxSeq": None}
    parts.send(StreamFile(writes=[(A, b"k", b"v")]))
    parts.announce(StreamFile(writes=[(A, b"k", b"w")]))
    parts.send(StreamFile(writes=[(B, b"k", b"x")]))
    assert call("getReplayProgress") == {"appliedSeq": 1, "firstTxSeq": None}
    assert [call("getTransactionResult", str(seq)) for seq in range(4)] == ["Commit", None, "Commit", None]
    assert call("getTransactionResult", U64) is None
    assert call("getHoldingStreamIds") == [to_hex(A), to_hex(B)]


def test_holding__of_named_streams__lists_these(make_parts):
    parts = make_parts(held=frozenset([B, A]))
    assert asyncio.run(parts.api.get_holding_stream_ids()) == [to_hex(A), to_hex(B)]


def test_holding__of_all_streams__lists_no_more_than_fit_an_answer(call, written, monkeypatch):
    written.send(StreamFile(writes=[(B, b"k", b"x")]))
    monkeypatch.setattr("offchain.storage.kv.server.api.MAX_LISTED", 1)
    assert call("getHoldingStreamIds") == [to_hex(A)]


def test_past__many_searches_at_once__leave_threads_to_others(parts, monkeypatch):
    parts.send(StreamFile(writes=[(A, b"k", b"v")]))
    api, go_on, inside = parts.api, threading.Event(), []

    def slow(*_):
        inside.append(None)
        assert go_on.wait(60)

    monkeypatch.setattr("offchain.storage.kv.server.values.neighbour", slow)

    async def crowd():
        searches = [asyncio.ensure_future(api.get_first(A, 0, 1, 0)) for _ in range(PAST_SEARCHES + MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="too many searches of the past at once"):
            await api.get_last(A, 0, 1, 0)
        for _ in range(PAST_SEARCHES + 1):
            await in_thread(lambda: None)  # whoever else needs a thread has one
        started = len(inside)
        go_on.set()
        assert await asyncio.gather(*searches) == [None] * len(searches)
        return started

    assert asyncio.run(crowd()) <= PAST_SEARCHES
    assert len(inside) == PAST_SEARCHES + MAX_WAITING
