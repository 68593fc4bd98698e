"""Answers that a reader can check, and what they say about themselves."""

import base64

import pytest

from offchain.errors import InvalidProof, RemoteRefused
from offchain.protocol.kv.replay import MISSING
from offchain.protocol.kv.rights import NOBODY, Right, Role
from offchain.protocol.kv.state_tree import EMPTY, Leaf, entry_leaf, entry_path, right_leaf, right_path, verify
from offchain.storage.kv.wire import MAX_QUERY_BYTES, proof_from_json, proof_to_json
from offchain.storage.wire import to_hex
from tests.doubles.files import random_bytes
from tests.doubles.kv_parts import HEAD, IDENTITY, sender
from tests.doubles.local_web import LocalWeb
from tests.doubles.streams import StreamFile, b64, grant_writer, special, stream_id

A, B = stream_id(1), stream_id(2)


@pytest.fixture
def caller():
    """Makes something that calls a server's methods, by names without the prefix."""

    def made(parts):
        web = LocalWeb()
        web.serve("http://kv", {**parts.api.methods, **parts.checked.methods})
        client = web.client("http://kv")
        return lambda method, *params: client.rpc(f"kv_{method}", *params)

    return made


@pytest.fixture
def call(caller, parts):
    return caller(parts)


def put(value, key=b"k", stream=A, **options):
    return StreamFile(writes=[(stream, key, value)], **options)


def root_of(told):
    return bytes.fromhex(told["root"][2:])


def check_value(told, stream, key):
    """What the proof in an answer shows: the value, or None for a key that was never written."""
    leaf = None
    if told["version"] is not None:
        leaf = entry_leaf(stream, key, told["version"], base64.b64decode(told["data"]))
        assert to_hex(leaf.digest) == told["digest"]
    verify(proof_from_json(told["proof"]), entry_path(stream, key), leaf, root_of(told))
    return leaf and base64.b64decode(told["data"])


def refused(call, *params):
    with pytest.raises(RemoteRefused) as error:
        call(*params)
    return error.value.message, error.value.data


# Values with proofs


def test_value__at_every_sequence_number__is_proven_below_the_root_of_then(call, parts):
    parts.send(put(b"zero"), put(b"other", stream=B), put(b"two"), put(b"", key=b"k"))
    told = [call("getValueWithProof", to_hex(A), b64(b"k"), seq) for seq in range(4)]
    assert [check_value(each, A, b"k") for each in told] == [b"zero", b"zero", b"two", b""]
    assert [each["seq"] for each in told] == [0, 1, 2, 3]
    assert [each["version"] for each in told] == [0, 0, 2, 3]
    assert call("getValueWithProof", to_hex(A), b64(b"k")) == told[3]
    assert [call("getStateRoot", to_hex(A), seq)["root"] for seq in range(4)] == [each["root"] for each in told]


def test_value__never_written__is_proven_to_be_absent(call, parts):
    parts.send(*(put(b"v", key=b"%d" % number) for number in range(20)))
    for key in (b"never", b"other", b"third"):
        assert check_value(call("getValueWithProof", to_hex(A), b64(key)), A, key) is None


def test_value__of_a_stream_without_state__is_proven_by_the_empty_root(call, parts):
    parts.send(put(b"v"))
    told = call("getValueWithProof", to_hex(B), b64(b"k"))
    assert (check_value(told, B, b"k"), root_of(told), told["seq"]) == (None, EMPTY, 0)


def test_value__that_a_server_changes__does_not_verify(call, parts):
    parts.send(put(b"true"), put(b"more", key=b"m"))
    told = call("getValueWithProof", to_hex(A), b64(b"k"))
    with pytest.raises(InvalidProof):
        leaf = entry_leaf(A, b"k", told["version"], b"false")
        verify(proof_from_json(told["proof"]), leaf.path, leaf, root_of(told))


def test_value__larger_than_one_answer__has_its_first_piece_and_the_digest_of_all(call, parts):
    value = random_bytes(MAX_QUERY_BYTES + 5)
    parts.send(put(value))
    told = call("getValueWithProof", to_hex(A), b64(b"k"))
    assert base64.b64decode(told["data"]) == value[:MAX_QUERY_BYTES]
    assert (told["size"], told["digest"]) == (len(value), to_hex(entry_leaf(A, b"k", 0, value).digest))


def test_proof__of_a_state_that_is_no_longer_kept__is_refused_and_its_root_told(make_parts, caller):
    parts = make_parts(history=2)
    call = caller(parts)
    parts.send(*(put(b"%d" % number) for number in range(5)))
    assert call("getStreamStatus", to_hex(A))["provenFrom"] == 2
    assert check_value(call("getValueWithProof", to_hex(A), b64(b"k"), 2), A, b"k") == b"2"
    expected = ("Invalid params: seq", "proofs of this stream start at 2, not 1")
    assert refused(call, "getValueWithProof", to_hex(A), b64(b"k"), 1) == expected
    assert root_of(call("getStateRoot", to_hex(A), 1)) == parts.root(A, 1) != parts.root(A, 2)


@pytest.mark.parametrize("seq", [1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize(
    ("method", "params"),
    [("getStateRoot", ()), ("getValueWithProof", (b64(b"k"),)), ("getRightWithProof", (16, None, b64(b"k")))],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_proof__of_a_time_to_come__is_refused_in_words(call, parts, method, params, seq):
    parts.send(put(b"v"))
    expected = ("Invalid params: seq", f"this stream is decided up to 0, not {seq}")
    assert refused(call, method, to_hex(A), *params, seq) == expected


# Rights with proofs


@pytest.mark.parametrize(
    ("right", "params", "holds"),
    [
        (Right(A, Role.ADMIN, account=sender(0)), (0, to_hex(sender(0))), True),
        (Right(A, Role.WRITER, account=sender(1)), (32, to_hex(sender(1)), None), True),
        (Right(A, Role.SPECIAL_KEY, b"k", NOBODY), (16, None, b64(b"k")), True),
        (Right(A, Role.SPECIAL_WRITER, b"k", sender(1)), (48, to_hex(sender(1)), b64(b"k")), None),
    ],
)
def test_right__of_each_role__is_proven(call, parts, right, params, holds):
    parts.send(StreamFile(controls=[grant_writer(A, sender(1)), special(A, b"k")]))
    told = call("getRightWithProof", to_hex(A), *params)
    assert told["holds"] is holds
    leaf = None if holds is None else right_leaf(right, told["version"], holds)
    verify(proof_from_json(told["proof"]), right_path(right), leaf, root_of(told))


def test_right__of_no_role__is_refused(call, parts):
    parts.send(put(b"v"))
    roles = "the roles are 0 ADMIN, 16 SPECIAL_KEY, 32 WRITER, 48 SPECIAL_WRITER"
    assert refused(call, "getRightWithProof", to_hex(A), 1) == ("Invalid params: role", roles)


# How far


def test_moment__before_the_first_submission__is_refused(call):
    expected = ("Invalid params: seq", "nothing of this stream is decided yet")
    assert refused(call, "getStateRoot", to_hex(A)) == expected
    assert call("getStreamStatus", to_hex(A))["seq"] is None


def test_open_submission__other_streams_are_further(call, parts):
    parts.send(put(b"v"))
    [open_] = parts.announce(put(b"w"))
    parts.send(put(b"x", stream=B))
    status = call("getStreamStatus", to_hex(A))
    assert (status["seq"], status["pendingFrom"]) == (0, open_)
    assert (status["pending"]["seq"], status["pending"]["reason"]) == (open_, "nobody has it")
    assert call("getStreamStatus", to_hex(B))["seq"] == 2
    assert check_value(call("getValueWithProof", to_hex(A), b64(b"k")), A, b"k") == b"v"
    expected = ("Invalid params: seq", "this stream is decided up to 0, not 1")
    assert refused(call, "getStateRoot", to_hex(A), 1) == expected


def test_missing_file__is_told_in_every_answer_about_a_state_after_it(call, parts):
    parts.send(put(b"v"))
    [lost] = parts.announce(put(b"lost"))
    parts.lack(lost)
    assert [call("getStateRoot", to_hex(A), seq)["provisional"] for seq in (0, 1)] == [False, True]
    assert call("getStreamStatus", to_hex(A))["provisionalFrom"] == lost
    status = call("getServerStatus")
    assert [(each["seq"], each["result"]) for each in status["missing"]] == [(lost, MISSING)]
    assert status["waiting"] == []


def test_server_status__names_the_flow_and_what_waits(call, parts):
    seqs = parts.announce(put(b"v"), put(b"x", stream=B))
    status = call("getServerStatus")
    assert (status["chainId"], status["flowAddress"]) == IDENTITY
    assert (status["logSyncHeight"], status["logSyncBlock"]) == (HEAD[0], to_hex(HEAD[1]))
    assert (status["nextTxSeq"], status["appliedSeq"]) == (2, 0)
    assert [each["seq"] for each in status["waiting"]] == seqs
    assert status["waiting"][0]["sender"] == to_hex(sender(0))
    assert status["waiting"][0]["streams"] == [to_hex(A)]


def test_transaction__refused__says_why_in_both_words(call, parts):
    parts.send(put(b"v"))
    parts.send(put(b"w", version=0), put(b"w", cut=1))
    told = [call("getTransaction", seq) for seq in (0, 1, 2)]
    assert [each["result"] for each in told] == ["Commit", "Commit", "DataParseError: Invalid stream data"]
    assert told[2]["reason"].endswith("is cut off: 3 bytes are left")
    assert told[0]["reason"] is None


# Wire


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"siblings": [], "other": {}},
        {"siblings": ["0x12"], "other": None},
        {"siblings": 5, "other": None},
        {"siblings": [], "other": {"path": "0x" + "0" * 64, "version": 1 << 64, "digest": "0x" + "0" * 64}},
        {"siblings": [], "other": {"path": "0x" + "0" * 64, "version": -1, "digest": "0x" + "0" * 64}},
        {"siblings": [], "other": {"path": "0x" + "0" * 64, "version": True, "digest": "0x" + "0" * 64}},
    ],
)
def test_proof_from_json__of_another_form__is_refused(value):
    with pytest.raises(InvalidProof):
        proof_from_json(value)


def test_proof_from_json__what_proof_to_json_made__is_the_same(parts):
    from offchain.protocol.kv.state_tree import Proof

    for other in (None, Leaf(b"p" * 32, 5, b"d" * 32)):
        proof = Proof((b"s" * 32, bytes(32)), other)
        assert proof_from_json(proof_to_json(proof)) == proof
