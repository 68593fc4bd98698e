"""The rule that every server follows, on a state in plain dictionaries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.kv import stream_data
from offchain.protocol.kv.replay import (
    COMMIT,
    CONFLICT,
    INVALID_DATA,
    LIST_TOO_LONG,
    MAX_DATA_BYTES,
    NO_PERMISSION,
    WRONG_TAGS,
    shown_key,
)
from offchain.protocol.kv.rights import Right, Role
from offchain.protocol.kv.stream_data import MAX_ENTRIES, UNCHECKED, StreamData, Write
from tests.doubles.kv_log import ADMIN, Log, S
from tests.doubles.streams import (
    grant_admin,
    grant_special_writer,
    grant_writer,
    normal,
    renounce_admin,
    renounce_special_writer,
    renounce_writer,
    revoke_special_writer,
    revoke_writer,
    special,
    stream_id,
)

WRITER, OUTSIDER = (bytes([number]) * 20 for number in (0xB2, 0xC3))
T = stream_id(2)
KEY = b"key"


@pytest.fixture
def log():
    """A stream with an administrator."""
    made = Log()
    assert made.send(ADMIN, writes={KEY: b"first"}).committed
    return made


def commits(verdict):
    return (verdict.result, verdict.reason) == (COMMIT, "")


def has(log, role, key=b"", account=ADMIN, stream=S):
    return log.state.holds(Right(stream, Role(role), key, account))


# Founding


def test_first_commit__makes_its_sender_administrator_of_every_tagged_stream():
    log = Log()
    assert commits(log.send(ADMIN, streams=(S, T), writes={KEY: b"v"}))
    assert has(log, Role.ADMIN)
    assert has(log, Role.ADMIN, stream=T)
    assert log.send(OUTSIDER, streams=(T,)).result == NO_PERMISSION


def test_first_submission__refused__founds_nothing():
    log = Log()
    assert log.send(ADMIN, writes={(T, KEY): b"v"}).result == WRONG_TAGS
    assert commits(log.send(OUTSIDER, writes={KEY: b"v"}))
    assert not has(log, Role.ADMIN)


def test_renounce_admin__in_the_founding_transaction__leaves_a_stream_that_nobody_writes():
    log = Log()
    assert commits(log.send(ADMIN, renounce_admin(S), writes={KEY: b"v"}))
    assert not has(log, Role.ADMIN)
    for sender in (ADMIN, OUTSIDER):
        assert log.send(sender, writes={KEY: b"w"}).result == NO_PERMISSION


# Who may write


def test_write__by_a_stranger__needs_no_data_to_be_refused(log):
    verdict = log.send(OUTSIDER, writes={KEY: b"stolen"})
    assert (verdict.result, verdict.reason) == (NO_PERMISSION, "the sender may write in none of the streams")
    assert log.value() == b"first"


def test_write__by_a_writer__covers_normal_keys_only(log):
    assert commits(log.send(ADMIN, grant_writer(S, WRITER), special(S, b"special")))
    assert commits(log.send(WRITER, writes={KEY: b"second"}))
    verdict = log.send(WRITER, writes={b"special": b"v"})
    assert verdict.result == f"WritePermissionDenied: stream: 0x{S.hex()}, key: special"
    assert commits(log.send(ADMIN, writes={b"special": b"v"}))


def test_write__by_a_special_writer__covers_that_key_only(log):
    assert commits(log.send(ADMIN, special(S, KEY), grant_special_writer(S, KEY, WRITER)))
    assert commits(log.send(WRITER, writes={KEY: b"second"}))
    verdict = log.send(WRITER, writes={b"\xffother": b"v"})
    assert verdict.result == f"WritePermissionDenied: stream: 0x{S.hex()}, key: UNKNOWN"
    assert commits(log.send(ADMIN, normal(S, KEY)))
    assert log.send(WRITER, writes={KEY: b"third"}).result.startswith("WritePermissionDenied: ")


def test_write__of_a_long_key_that_is_refused__shows_its_first_bytes_only(log):
    assert commits(log.send(OUTSIDER, streams=(T,)))
    verdict = log.send(OUTSIDER, streams=(S, T), writes={b"\xff" * 100_000: b"v"})
    assert verdict.reason == f"0x{OUTSIDER.hex()} may not write key 0x{'ff' * 32}"


def test_write__in_several_streams__needs_the_right_in_each(log):
    assert commits(log.send(OUTSIDER, streams=(T,)))
    verdict = log.send(ADMIN, streams=(S, T), writes={KEY: b"v", (T, KEY): b"v"})
    assert verdict.result == f"WritePermissionDenied: stream: 0x{T.hex()}, key: key"
    assert log.value() == b"first"


def test_write__of_a_key_twice__the_last_value_counts(log):
    writes = (Write(S, KEY, b"a"), Write(S, b"other", b"o"), Write(S, KEY, b"b"))
    verdict = log.state.apply(2, ADMIN, (S,), StreamData(writes=writes))
    assert verdict.writes == (Write(S, KEY, b"b"), Write(S, b"other", b"o"))
    assert log.value() == b"b"


def test_write__to_a_stream_that_is_not_tagged__is_refused(log):
    verdict = log.send(ADMIN, writes={(T, KEY): b"v"})
    assert verdict.result == WRONG_TAGS
    assert verdict.reason == f"stream 0x{T.hex()} is written and not among the tags"


# Versions


@pytest.mark.parametrize("version", [1, 2, 1 << 40, UNCHECKED])  # one that is still to come is not older either
def test_version__not_older_than_the_key__commits(log, version):
    assert commits(log.send(ADMIN, writes={KEY: b"second"}, version=version))


def test_version__older_than_a_written_key__conflicts(log):
    verdict = log.send(ADMIN, writes={b"new": b"n", KEY: b"second"}, version=0)
    assert verdict.result == CONFLICT
    assert verdict.reason == f"key 0x{KEY.hex()} of stream 0x{S.hex()} has version 1, newer than 0"
    assert (S, b"new") not in log.state.values


def test_version__older_than_a_key_that_was_read__conflicts(log):
    assert log.send(ADMIN, reads=[KEY], writes={b"new": b"n"}, version=0).result == CONFLICT
    assert commits(log.send(ADMIN, reads=[KEY], writes={b"new": b"n"}, version=1))


def test_version__of_a_deleted_key__counts(log):
    assert commits(log.send(ADMIN, writes={KEY: b""}))
    assert log.send(ADMIN, writes={KEY: b"back"}, version=1).result == CONFLICT


def test_read__of_a_stream_that_is_not_tagged__is_checked_all_the_same(log):
    assert log.send(OUTSIDER, streams=(T,), reads=[(S, KEY)], version=0).result == CONFLICT
    assert commits(log.send(OUTSIDER, streams=(T,), reads=[(S, KEY)], version=1))


def test_read__of_a_stream_that_is_not_held__is_refused():
    log = Log(held={S})
    verdict = log.send(ADMIN, reads=[(T, KEY)])
    assert (verdict.result, verdict.reason) == (WRONG_TAGS, f"stream 0x{T.hex()} is read and not held here")


# Who may change rights


@pytest.mark.parametrize(
    ("control", "name"),
    [
        (grant_admin(S, OUTSIDER), "GRANT_ADMIN_ROLE"),
        (special(S, KEY), "SET_KEY_TO_SPECIAL"),
        (normal(S, KEY), "SET_KEY_TO_NORMAL"),
        (revoke_writer(S, OUTSIDER), "REVOKE_WRITER_ROLE"),
        (grant_special_writer(S, KEY, OUTSIDER), "GRANT_SPECIAL_WRITER_ROLE"),
        (revoke_special_writer(S, KEY, OUTSIDER), "REVOKE_SPECIAL_WRITER_ROLE"),
    ],
)
def test_control__by_a_writer__is_refused_in_the_public_words(log, control, name):
    assert commits(log.send(ADMIN, grant_writer(S, WRITER)))
    account = OUTSIDER if control.account else bytes(20)
    verdict = log.send(WRITER, control)
    assert verdict.result == (
        f"AccessControlPermissionDenied: operation: {name}, stream: 0x{S.hex()}, "
        f"key: {'key' if control.key else 'NONE'}, account: 0x{account.hex()}"
    )
    assert commits(log.send(ADMIN, control))


def test_grant_writer__by_a_writer__passes_the_right_on(log):
    assert commits(log.send(ADMIN, grant_writer(S, WRITER)))
    assert commits(log.send(WRITER, grant_writer(S, OUTSIDER)))
    assert commits(log.send(OUTSIDER, writes={KEY: b"v"}))


def test_grant_special_writer__by_a_writer_of_that_key__passes_the_right_on(log):
    assert commits(log.send(ADMIN, special(S, KEY), grant_special_writer(S, KEY, WRITER)))
    assert commits(log.send(WRITER, grant_special_writer(S, KEY, OUTSIDER)))
    assert log.send(WRITER, grant_special_writer(S, b"other", OUTSIDER)).result.startswith("AccessControl")
    assert commits(log.send(OUTSIDER, writes={KEY: b"v"}))


def test_control__about_a_stream_that_is_not_tagged__is_refused(log):
    verdict = log.send(ADMIN, grant_writer(T, WRITER))
    assert verdict.result == WRONG_TAGS
    assert verdict.reason == f"GRANT_WRITER_ROLE in stream 0x{T.hex()}, which is not among the tags"


@pytest.mark.parametrize(
    ("granted", "control", "role", "key"),
    [
        (grant_admin(S, WRITER), renounce_admin(S), Role.ADMIN, b""),
        (grant_writer(S, WRITER), renounce_writer(S), Role.WRITER, b""),
        (grant_special_writer(S, KEY, WRITER), renounce_special_writer(S, KEY), Role.SPECIAL_WRITER, KEY),
    ],
)
def test_renounce__own_right__is_always_allowed(log, granted, control, role, key):
    assert commits(log.send(ADMIN, granted))
    assert has(log, role, key, WRITER)
    assert commits(log.send(WRITER, control))
    assert not has(log, role, key, WRITER)


@pytest.mark.parametrize("control", [renounce_admin(S), renounce_writer(S), renounce_special_writer(S, KEY)])
def test_renounce__what_one_does_not_have__commits_and_leaves_no_trace(log, control):
    before, root = dict(log.state.rights), log.state.root(S)
    assert commits(log.send(OUTSIDER, control, streams=(S, T), writes={(T, KEY): b"v"}))
    assert {right: told for right, told in log.state.rights.items() if right.stream == S} == before
    assert log.state.root(S) == root


def test_renounce__what_one_grants_oneself_without_having_it__leaves_no_trace(log):
    root = log.state.root(S)
    controls = grant_writer(S, OUTSIDER), renounce_writer(S)
    assert commits(log.send(OUTSIDER, *controls, streams=(S, T)))
    assert log.state.root(S) == root


# Several controls about one right


@pytest.mark.parametrize(
    ("grant", "revoke", "role", "key"),
    [
        (grant_writer(S, WRITER), revoke_writer(S, WRITER), Role.WRITER, b""),
        (grant_special_writer(S, KEY, WRITER), revoke_special_writer(S, KEY, WRITER), Role.SPECIAL_WRITER, KEY),
    ],
)
def test_controls__grant_and_revoke_in_one_transaction__the_last_counts(log, grant, revoke, role, key):
    assert commits(log.send(ADMIN, grant, revoke))
    assert not has(log, role, key, WRITER)
    assert commits(log.send(ADMIN, revoke, grant))
    assert has(log, role, key, WRITER)


def test_controls__a_key_made_special_and_normal__the_last_counts(log):
    assert commits(log.send(ADMIN, special(S, KEY), normal(S, KEY)))
    assert not has(log, Role.SPECIAL_KEY, KEY, bytes(20))


def test_grant_admin__to_oneself__does_nothing_and_needs_no_right(log):
    assert commits(log.send(ADMIN, grant_writer(S, WRITER)))
    assert commits(log.send(WRITER, grant_admin(S, WRITER)))
    assert not has(log, Role.ADMIN, account=WRITER)


def test_grant_admin__after_renouncing__does_not_bring_the_right_back(log):
    assert commits(log.send(ADMIN, renounce_admin(S), grant_admin(S, ADMIN)))
    assert not has(log, Role.ADMIN)


def test_renounce_admin__in_a_transaction_that_writes__still_lets_it_write(log):
    assert commits(log.send(ADMIN, renounce_admin(S), writes={KEY: b"last"}))
    assert log.value() == b"last"


def test_revoke__of_what_allowed_the_write__counts_from_the_next_transaction(log):
    assert commits(log.send(ADMIN, grant_writer(S, WRITER)))
    assert commits(log.send(WRITER, renounce_writer(S), writes={KEY: b"last"}))
    assert log.send(WRITER, writes={KEY: b"later"}).result == NO_PERMISSION


# Files that are no transactions


def test_data__that_cannot_be_read__is_refused_in_the_public_words(log):
    verdict = log.raw(stream_data.encode(StreamData())[:-1])
    assert verdict.result == INVALID_DATA == "DataParseError: Invalid stream data"
    assert verdict.reason == "the number of controls of 4 bytes at byte 16 is cut off: 3 bytes are left"


def test_data__with_too_long_a_list__is_refused_in_the_public_words(log):
    verdict = log.raw(bytes(8) + (MAX_ENTRIES + 1).to_bytes(4, "big"))
    assert verdict.result == LIST_TOO_LONG == "DataParseError: Stream read/write/access_control list too long"
    assert verdict.reason == f"{MAX_ENTRIES + 1} reads are more than {MAX_ENTRIES}"


def test_data__larger_than_the_limit__is_refused_without_it(log):
    good = stream_data.encode(StreamData())
    assert log.raw(good, MAX_DATA_BYTES).committed
    assert log.raw(good, MAX_DATA_BYTES + 1).result == INVALID_DATA


@pytest.mark.parametrize(
    ("key", "shown"), [(b"", "NONE"), (b"x" * 40, "x" * 32), ("ü".encode() * 40, "ü" * 32), (b"\xff", "UNKNOWN")]
)
def test_shown_key__is_its_text_or_says_that_it_is_none(key, shown):
    assert shown_key(key) == shown


@given(st.data())
def test_judge__anything__changes_no_state_but_what_a_commit_names(data):
    log = Log()
    streams, senders, keys = (
        st.sampled_from([S, T]),
        st.sampled_from([ADMIN, WRITER, OUTSIDER]),
        st.sampled_from([b"a", b"b"]),
    )
    some = st.one_of(
        st.builds(grant_admin, streams, senders),
        st.builds(renounce_admin, streams),
        st.builds(special, streams, keys),
        st.builds(grant_writer, streams, senders),
        st.builds(renounce_writer, streams),
        st.builds(grant_special_writer, streams, keys, senders),
    )
    for _ in range(8):
        before = dict(log.state.values), dict(log.state.rights)
        writes = data.draw(st.dictionaries(st.tuples(streams, keys), st.binary(max_size=2), max_size=2))
        controls = data.draw(st.lists(some, max_size=2))
        tagged = tuple(data.draw(st.lists(streams, min_size=1, unique=True)))
        verdict = log.send(data.draw(senders), *controls, writes=writes, streams=tagged)
        if verdict.committed:
            assert {change.right.stream for change in verdict.changes} <= set(tagged)
            assert {(write.stream, write.key) for write in verdict.writes} == set(writes)
            assert not any(log.state.is_new(stream) for stream in tagged)
        else:
            assert before == (log.state.values, log.state.rights)
            assert verdict.reason
