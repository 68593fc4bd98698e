import base64

import pytest

from offchain.errors import PeerUnavailable, RemoteRefused, Untrusted
from offchain.protocol.keccak import keccak256
from offchain.protocol.kv.replay import COMMIT, CONFLICT, MAX_DATA_BYTES
from offchain.protocol.kv.rights import Right, Role
from offchain.protocol.kv.state_tree import EMPTY
from offchain.storage.kv.client.evidence import NEVER, Behind, Moment, Value
from offchain.storage.kv.client.server import CannotProve, Decision
from tests.doubles.flow_log import FLOW
from tests.doubles.kv_parts import sender
from tests.doubles.streams import StreamFile, grant_special_writer, grant_writer, special, stream_id

STREAM = stream_id(1)
LARGE = bytes(range(256)) * 1024 * 5 + b"end"  # three pieces and a bit more
PROVEN = "kv_getValueWithProof"


@pytest.fixture
def server(one):
    one.put(STREAM, b"key", b"first")
    one.put(STREAM, b"other", b"thing")
    one.put(STREAM, b"key", b"second")
    return one.server()


def test_status__server__tells_what_it_follows(one, server):
    status = server.status()
    assert (status.chain_id, status.flow, status.next_seq, status.applied) == (31337, FLOW, 3, 3)
    assert server.applied() == 3


def test_value__key__is_proven_at_the_newest_moment(one, server):
    moment, value = server.value(STREAM, b"key")
    assert moment == Moment(STREAM, 2, one.parts[0].root(STREAM), False)
    assert value == Value(b"second", 2)


def test_value__past__is_proven_against_the_root_of_then(one, server):
    moment, value = server.value(STREAM, b"key", 1)
    assert moment == Moment(STREAM, 1, one.parts[0].root(STREAM, 1), False)
    assert value == Value(b"first", 0)


@pytest.mark.parametrize("key", [b"absent", b"kez", b"k", bytes(1000)])
def test_value__absent_key__is_proven_to_be_absent(server, key):
    _, value = server.value(STREAM, key)
    assert value == Value(b"", None)
    assert not value.exists


def test_value__deleted_key__tells_since_when(one, server):
    one.put(STREAM, b"key", b"")
    assert server.value(STREAM, b"key")[1] == Value(b"", 3)


def test_value__larger_than_an_answer__is_whole(one, server):
    one.put(STREAM, b"large", LARGE)
    assert server.value(STREAM, b"large")[1].data == LARGE
    assert server.claimed(STREAM, b"large") == Value(LARGE, 3)


def test_value__stream_that_nobody_wrote_to__is_empty(server):
    moment, value = server.value(stream_id(9), b"key")
    assert (moment.seq, moment.root, value) == (2, EMPTY, Value(b"", None))


def test_value__nothing_submitted_yet__is_before_all(one):
    assert one.server().value(STREAM, b"key") == (Moment(STREAM, NEVER, EMPTY), Value(b"", None))
    assert one.server().moment(STREAM).seq == NEVER


def test_value__moment_that_is_to_come__is_behind(server):
    with pytest.raises(Behind, match="up to 2, not yet 3"):
        server.value(STREAM, b"key", 3)


def without(field):
    return lambda told: {name: value for name, value in told.items() if name != field}


def saying(**fields):
    return lambda told: told | fields


FORGERIES = {
    "another value": saying(data=base64.b64encode(b"forged").decode()),
    "another value and its digest": saying(
        data=base64.b64encode(b"forged").decode(), digest="0x" + keccak256(b"forged").hex()
    ),
    "an older version": saying(version=0),
    "a newer version": saying(version=3),
    "a longer value": saying(size=len(b"second") + 1),
    "a shorter value": saying(size=len(b"second") - 1),
    "absence": saying(version=None, digest=None, data="", size=0),
    "no siblings": lambda told: told | {"proof": told["proof"] | {"siblings": []}},
    "a sibling more": lambda told: (
        told | {"proof": told["proof"] | {"siblings": [*told["proof"]["siblings"], "0x" + "00" * 32]}}
    ),
    "another root": saying(root="0x" + "11" * 32),
    "a value nobody could write": saying(size=MAX_DATA_BYTES + 1),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_value__forged__is_not_believed(one, server, name):
    one.lie(0, PROVEN, FORGERIES[name])
    with pytest.raises((Untrusted, PeerUnavailable)):
        server.value(STREAM, b"key")


def test_value__absence_told_as_presence__is_not_believed(one, server):
    digest = "0x" + keccak256(b"forged").hex()
    one.lie(0, PROVEN, saying(version=1, digest=digest, data=base64.b64encode(b"forged").decode(), size=6))
    with pytest.raises(Untrusted):
        server.value(STREAM, b"absent")


def test_value__answer_about_another_key__is_not_believed(one, server):
    told = {}
    one.lie(0, PROVEN, lambda answer: told.setdefault("first", answer))
    server.value(STREAM, b"other")
    with pytest.raises(Untrusted):
        server.value(STREAM, b"key")


def test_value__answer_about_another_moment__is_not_taken(one, server):
    one.lie(0, PROVEN, saying(seq=2))
    with pytest.raises(PeerUnavailable, match="asked about 1 and speaks of 2"):
        server.value(STREAM, b"key", 1)


def length(told):
    return len(base64.b64decode(told["data"]))


NONSENSE = {
    "a list": lambda told: [told],
    "text": lambda told: "yes",
    "nothing": lambda told: None,
    "no seq": without("seq"),
    "no root": without("root"),
    "no proof": without("proof"),
    "seq as text": saying(seq="2"),
    "negative seq": saying(seq=-1),
    "version as text": saying(version="2"),
    "version beyond counting": saying(version=1 << 70),
    "data that is no base64": saying(data="?"),
    "data as list": saying(data=[1]),
    "siblings as numbers": lambda told: told | {"proof": {"siblings": [1, 2], "other": None}},
    "too many siblings": lambda told: told | {"proof": {"siblings": ["0x" + "00" * 32] * 300, "other": None}},
}


@pytest.mark.parametrize("name", NONSENSE)
def test_value__nonsense__is_an_error_in_words(one, server, name):
    one.lie(0, PROVEN, NONSENSE[name])
    with pytest.raises((PeerUnavailable, Untrusted, OverflowError)):
        server.value(STREAM, b"key")


def test_value__rest_of_a_large_value_forged__is_not_believed(one, server):
    one.put(STREAM, b"large", LARGE)
    one.lie(0, "kv_getValue", lambda told: told | {"data": base64.b64encode(b"x" * length(told)).decode()})
    with pytest.raises(Untrusted, match="its own proof contradicts"):
        server.value(STREAM, b"large")


@pytest.mark.parametrize("data", [b"", b"x", bytes(1 << 19)], ids=["nothing", "a drop", "a flood"])
def test_value__rest_that_comes_in_drops_or_floods__is_refused(one, server, data):
    one.put(STREAM, b"large", LARGE)
    one.lie(0, "kv_getValue", saying(data=base64.b64encode(data).decode()))
    with pytest.raises(PeerUnavailable, match=f"sent {len(data)} bytes of a value"):
        server.value(STREAM, b"large")


def test_value__rest_of_another_size__is_refused(one, server):
    one.put(STREAM, b"large", LARGE)
    one.lie(0, "kv_getValue", lambda told: told | {"size": told["size"] + 300_000})
    with pytest.raises(PeerUnavailable, match="and then of"):
        server.value(STREAM, b"large")


@pytest.mark.parametrize("size", [MAX_DATA_BYTES + 1, 1 << 63])
def test_claimed__value_nobody_could_write__is_refused(one, server, size):
    one.lie(0, "kv_getValue", saying(size=size))
    with pytest.raises(PeerUnavailable, match="no transaction could write"):
        server.claimed(STREAM, b"key")


def test_claimed__version__is_that_of_then(server):
    assert server.claimed(STREAM, b"key") == Value(b"second", 2)
    assert server.claimed(STREAM, b"key", 1) == Value(b"first", 0)
    assert server.claimed(STREAM, b"absent") == Value(b"", None)


RIGHTS = {
    "admin": (Right(STREAM, Role.ADMIN, account=sender(0)), True),
    "not admin": (Right(STREAM, Role.ADMIN, account=sender(1)), False),
    "writer": (Right(STREAM, Role.WRITER, account=sender(1)), True),
    "special key": (Right(STREAM, Role.SPECIAL_KEY, b"key"), True),
    "normal key": (Right(STREAM, Role.SPECIAL_KEY, b"other"), False),
    "writer of a key": (Right(STREAM, Role.SPECIAL_WRITER, b"key", sender(2)), True),
    "no writer of a key": (Right(STREAM, Role.SPECIAL_WRITER, b"key", sender(1)), False),
}


@pytest.fixture
def granted(one, server):
    controls = [
        grant_writer(STREAM, sender(1)),
        special(STREAM, b"key"),
        grant_special_writer(STREAM, b"key", sender(2)),
    ]
    one.send(StreamFile(controls=controls))
    return server


@pytest.mark.parametrize("name", RIGHTS)
def test_right__each__is_proven_and_claimed_alike(granted, name):
    right, holds = RIGHTS[name]
    moment, told = granted.right(right)
    assert (moment.seq, told) == (3, holds)
    assert granted.claimed_right(right) is holds
    assert granted.claimed_right(right, 2) is (name == "admin")


@pytest.mark.parametrize("name", RIGHTS)
def test_right__turned_around__is_not_believed(one, granted, name):
    right, holds = RIGHTS[name]
    one.lie(0, "kv_getRightWithProof", saying(holds=not holds, version=3))
    with pytest.raises(Untrusted):
        granted.right(right)


def test_right__said_to_hold_without_a_version__does_not(one, granted):
    one.lie(0, "kv_getRightWithProof", saying(holds=True))
    assert granted.right(RIGHTS["not admin"][0])[1] is False


def test_right__granted_one_hidden__is_not_believed(one, granted):
    one.lie(0, "kv_getRightWithProof", saying(holds=None, version=None))
    with pytest.raises(Untrusted):
        granted.right(RIGHTS["writer"][0])


def test_claimed_permission__accounts__follows_the_rights(granted):
    accounts = ["0x" + sender(number).hex() for number in range(4)]
    assert [granted.claimed_permission(account, STREAM, b"key") for account in accounts] == [True, False, True, False]
    assert [granted.claimed_permission(account, STREAM, b"other") for account in accounts] == [True, True, False, False]


def test_neighbour__keys__are_walked_both_ways(server):
    assert server.neighbour(STREAM, None, True, True, None) == b"key"
    assert server.neighbour(STREAM, b"key", True, False, None) == b"other"
    assert server.neighbour(STREAM, b"other", True, False, None) is None
    assert server.neighbour(STREAM, None, False, True, None) == b"other"
    assert server.neighbour(STREAM, b"other", False, True, None) == b"other"
    assert server.neighbour(STREAM, b"z", False, True, 0) == b"key"


def test_decision__submissions__tell_result_root_and_reason(one, server):
    late = StreamFile(version=0, writes=[(STREAM, b"key", b"late")])
    one.send(late)
    decision = server.decision(3)
    assert decision == Decision(CONFLICT, late.root)
    assert "newer than 0" in decision.reason
    assert server.decision(2).committed
    assert server.decision(4) is None


def test_decision__of_another_implementation__is_the_public_result(kv):
    kv.add(proving=False)
    kv.put(STREAM, b"key", b"value")
    assert kv.server().decision(0) == Decision(COMMIT)
    assert kv.server().decision(1) is None


def test_proofs__of_another_implementation__cannot_be_had(kv):
    kv.add(proving=False)
    for ask in (lambda: kv.server().value(STREAM, b"key"), kv.server().status, lambda: kv.server().moment(STREAM)):
        with pytest.raises(CannotProve):
            ask()


def test_streams__held__are_listed(server):
    assert server.streams() == [STREAM]


def test_refusal__of_the_server__is_passed_on(server):
    with pytest.raises(RemoteRefused, match="key is empty"):
        server.claimed(STREAM, b"")
