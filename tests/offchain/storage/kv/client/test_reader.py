import pytest

from offchain.errors import PeerUnavailable, RemoteRefused, Untrusted
from offchain.storage.kv.client.evidence import Value
from offchain.storage.kv.client.reader import with_prefix
from tests.doubles.kv_parts import sender
from tests.doubles.streams import (
    StreamFile,
    b64,
    grant_admin,
    grant_special_writer,
    grant_writer,
    renounce_admin,
    special,
    stream_id,
)

STREAM, OTHER = stream_id(1), stream_id(2)
KEYS = [b"a", b"b", b"ba", b"bb\xff", b"bb\xff\x01", b"c", b"\xff", b"\xff\xff"]


def account(number):
    return "0x" + sender(number).hex()


class Counting:
    """Says how far servers are behind."""

    def behind(self, moment, followed):
        assert followed().next_seq
        return 40 - moment.seq


def test_get__value__comes_with_its_evidence(two):
    two.put(STREAM, b"key", b"value")
    value = two.reader(freshness=Counting()).get(STREAM, b"key")
    assert (value.data, value.version, value.exists) == (b"value", 0, True)
    evidence = value.evidence
    assert (evidence.seq, evidence.behind) == (0, 40)
    assert evidence.agreeing == ("http://kv-0", "http://kv-1")
    assert evidence.moment.root == two.parts[0].root(STREAM)


def test_get__without_a_chain__does_not_say_how_far_behind(one):
    one.put(STREAM, b"key", b"value")
    assert one.reader().get(STREAM, b"key").evidence.behind is None


def test_get__absence__is_proven_too(one):
    one.put(STREAM, b"key", b"value")
    value = one.reader().get(STREAM, b"other")
    assert not value.exists
    assert value.evidence.seq == 0


def test_get__past__is_as_it_was(two):
    for text in (b"one", b"two", b"three"):
        two.put(STREAM, b"key", text)
    assert [two.reader().get(STREAM, b"key", at).data for at in range(3)] == [b"one", b"two", b"three"]


def test_get__unproven__asks_one_server_once(two):
    two.put(STREAM, b"key", b"value")
    two.put(STREAM, b"key", b"newer")
    reader = two.reader(unproven=True)
    assert reader.get(STREAM, b"key") == Value(b"newer", 1)
    assert reader.get(STREAM, b"key", 0) == Value(b"value", 0)
    assert [two.calls(0), two.calls(1)] == [["kv_getValue"] * 2, []]


def test_versions__key_that_was_deleted_and_written_again__are_all_there(one):
    for text in (b"one", b"", b"three"):
        one.put(STREAM, b"key", text)
    one.put(STREAM, b"other", b"x")
    for unproven in (False, True):
        found = list(one.reader(unproven=unproven).versions(STREAM, b"key"))
        assert [(value.version, value.data) for value in found] == [(2, b"three"), (1, b""), (0, b"one")]


def test_versions__key_never_written__are_none(one):
    one.put(STREAM, b"key", b"value")
    assert list(one.reader().versions(STREAM, b"other")) == []


def test_versions__past_that_servers_have_forgotten__is_refused_in_their_words(kv):
    kv.add(history=2)
    for number in range(6):
        kv.put(STREAM, b"key", b"%d" % number)
    found = kv.reader().versions(STREAM, b"key")
    assert [next(found).data for _ in range(3)] == [b"5", b"4", b"3"]
    with pytest.raises(RemoteRefused, match="proofs of this stream"):
        next(found)


@pytest.fixture
def listed(two):
    two.send(StreamFile(writes=[(STREAM, key, b"value of " + key) for key in KEYS]))
    two.send(StreamFile(writes=[(OTHER, b"b", b"another stream")]))
    return two


RANGES = {
    "all": ({}, KEYS),
    "from a key": ({"first": b"ba"}, KEYS[2:]),
    "from between keys": ({"first": b"ba\x00"}, KEYS[3:]),
    "to a key": ({"last": b"ba"}, KEYS[:3]),
    "to between keys": ({"last": b"bzz"}, KEYS[:5]),
    "both": ({"first": b"b", "last": b"c"}, KEYS[1:6]),
    "empty": ({"first": b"d", "last": b"e"}, []),
    "first after last": ({"first": b"c", "last": b"a"}, []),
}


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("unproven", [False, True], ids=["proven", "unproven"])
@pytest.mark.parametrize("name", RANGES)
def test_items__range__is_listed_in_order_either_way(listed, name, unproven, reverse):
    bounds, keys = RANGES[name]
    found = list(listed.reader(unproven=unproven).items(STREAM, reverse=reverse, **bounds))
    expected = keys[::-1] if reverse else keys
    assert [entry.key for entry in found] == expected
    assert [entry.value.data for entry in found] == [b"value of " + key for key in expected]
    assert all((entry.value.evidence is None) is unproven for entry in found)


@pytest.mark.parametrize("prefix", [b"", b"b", b"bb", b"bb\xff", b"\xff", b"\xff\xff", b"x", b"bb\xff\xff"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
def test_items__prefix__is_all_that_begins_so(listed, prefix, reverse):
    found = with_prefix(listed.reader().items, STREAM, prefix, reverse)
    expected = [key for key in KEYS if key.startswith(prefix)]
    assert [entry.key for entry in found] == (expected[::-1] if reverse else expected)


def test_items__changed_while_they_are_listed__are_those_of_one_moment(listed):
    found = listed.reader().items(STREAM)
    first = next(found)
    listed.send(StreamFile(writes=[(STREAM, b"aa", b"new"), (STREAM, b"b", b"changed"), (STREAM, b"c", b"")]))
    rest = list(found)
    assert [first.key, *(entry.key for entry in rest)] == KEYS
    assert rest[0].value.data == b"value of b"


def test_items__past__is_as_it_was(listed):
    listed.send(StreamFile(writes=[(STREAM, key, b"") for key in KEYS]))
    assert list(listed.reader().items(STREAM)) == []
    assert [entry.key for entry in listed.reader().items(STREAM, at=1)] == KEYS


def test_items__empty_flow__are_none(two):
    assert list(two.reader().items(STREAM)) == []


def test_items__key_left_out_by_one_server__is_noticed_by_the_other(listed):
    listed.lie(0, "kv_getNext", lambda told: told | {"key": "Yw=="})  # c, whatever comes before it
    with pytest.raises(Untrusted, match="contradict"):
        list(listed.reader().items(STREAM))


@pytest.mark.parametrize("unproven", [False, True])
def test_items__keys_out_of_order__do_not_turn_in_circles(one, unproven):
    one.send(StreamFile(writes=[(STREAM, key, b"v") for key in KEYS]))
    one.lie(0, "kv_getNext", lambda told: told and told | {"key": "YQ=="})
    with pytest.raises(PeerUnavailable, match="out of order"):
        list(one.reader(unproven=unproven).items(STREAM))


def test_items__key_that_its_own_proof_denies__is_not_believed(one):
    one.put(STREAM, b"member:bob", b"1")
    one.lie(0, "kv_getFirst", lambda told: told | {"key": b64(b"member:ann")})
    with pytest.raises(Untrusted, match=f"list key 0x{b'member:ann'.hex()}, which has no value after 0"):
        list(one.reader().items(STREAM))


@pytest.fixture
def granted(two):
    controls = [
        grant_writer(STREAM, sender(1)),
        special(STREAM, b"special"),
        grant_special_writer(STREAM, b"special", sender(2)),
        grant_admin(STREAM, sender(3)),
    ]
    two.put(STREAM, b"key", b"value")
    two.send(StreamFile(controls=controls))
    two.send(StreamFile(controls=[renounce_admin(STREAM)]))
    return two


@pytest.mark.parametrize("unproven", [False, True], ids=["proven", "unproven"])
def test_rights__granted_and_renounced__are_told_now_and_then(granted, unproven):
    reader = granted.reader(unproven=unproven)
    assert [reader.is_admin(STREAM, account(number)) for number in range(4)] == [False, False, False, True]
    assert [reader.is_admin(STREAM, account(number), 1) for number in range(4)] == [True, False, False, True]
    assert [reader.is_admin(STREAM, account(number), 0) for number in range(4)] == [True, False, False, False]
    assert [reader.is_writer(STREAM, account(number)) for number in range(4)] == [False, True, False, False]
    assert [reader.is_writer(STREAM, account(n), b"special") for n in range(4)] == [False, False, True, False]
    assert [reader.is_special(STREAM, key) for key in (b"special", b"key")] == [True, False]


@pytest.mark.parametrize("unproven", [False, True], ids=["proven", "unproven"])
def test_may_write__accounts__follows_from_the_rights(granted, unproven):
    reader = granted.reader(unproven=unproven)
    assert [reader.may_write(STREAM, account(n), b"special") for n in range(4)] == [False, False, True, True]
    assert [reader.may_write(STREAM, account(n), b"key") for n in range(4)] == [False, True, False, True]
    assert reader.may_write(STREAM, account(0), b"key", 1)


@pytest.mark.parametrize("unproven", [False, True], ids=["proven", "unproven"])
def test_may_write__stream_that_nobody_wrote_to__everybody(granted, unproven):
    assert granted.reader(unproven=unproven).may_write(OTHER, account(5), b"key")


def test_moment__stream__is_what_servers_agree_about(granted):
    moment = granted.reader().moment(STREAM)
    assert (moment.seq, moment.root) == (2, granted.parts[0].root(STREAM))
    assert granted.reader().moment(STREAM, 0).root == granted.parts[0].root(STREAM, 0)
