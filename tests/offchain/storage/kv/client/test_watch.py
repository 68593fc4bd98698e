from itertools import islice

import pytest

from offchain.errors import BadSettings, Untrusted
from offchain.protocol.encryption import Key
from offchain.protocol.encryption_header import authenticated_cipher, public_cipher
from offchain.protocol.kv.stream_data import Kind
from offchain.storage.client.source import Stream
from offchain.storage.kv.client.content import Contents
from offchain.storage.kv.client.evidence import NEVER
from offchain.storage.kv.client.reader import Reader
from offchain.storage.kv.client.watch import Watcher
from tests.doubles.kv_parts import sender
from tests.doubles.streams import StreamFile, grant_admin, grant_writer, renounce_writer, revoke_writer, stream_id

STREAM, OTHER = stream_id(1), stream_id(2)


class Watched:
    """A stream that changes while somebody watches: one step of `plan` at each of their pauses."""

    def __init__(self, kv):
        self.kv = kv
        self.files = {}
        self.plan = []
        self.read = []

    def put(self, key, value, stream=STREAM, **options):
        return self.send(StreamFile(writes=[(stream, key, value)]), **options)

    def send(self, file, **options):
        self.files[file.root] = file.data
        return self.kv.send(file, **options)

    def content(self, root, seq):
        self.read.append(root)
        return self.files[root]

    def watcher(self):
        panel = self.kv.panel()
        return Watcher(panel, Reader(panel), sleep=self.pause)

    def pause(self, _):
        assert self.plan, "nothing more happens"
        self.plan.pop(0)()


@pytest.fixture
def watched(two):
    return Watched(two)


def told(changes, count):
    return [(change.seq, change.key, change.value.data) for change in islice(changes, count)]


def test_key__changes__are_told_one_by_one_as_they_come(watched):
    watched.put(b"key", b"before")
    watched.plan = [
        lambda: watched.put(b"key", b"one"),
        lambda: watched.put(b"other", b"elsewhere"),
        lambda: watched.put(b"key", b""),
        lambda: watched.put(b"key", b"two"),
    ]
    changes = watched.watcher().key(STREAM, b"key")
    assert told(changes, 3) == [(1, b"key", b"one"), (3, b"key", b""), (4, b"key", b"two")]
    assert watched.read == []


def test_key__several_versions_between_two_looks__are_all_told_in_order(watched):
    watched.put(b"key", b"before")
    watched.plan = [lambda: [watched.put(b"key", b"%d" % number) for number in range(5)]]
    assert told(watched.watcher().key(STREAM, b"key"), 5) == [
        (number + 1, b"key", b"%d" % number) for number in range(5)
    ]


@pytest.mark.parametrize("since, expected", [(NEVER, [0, 1, 2]), (0, [1, 2]), (1, [2])])
def test_key__from_a_moment__begins_after_it(watched, since, expected):
    for number in range(3):
        watched.put(b"key", b"%d" % number)
    assert [seq for seq, _, _ in told(watched.watcher().key(STREAM, b"key", since), len(expected))] == expected


def test_key__never_written__waits(watched):
    watched.put(b"other", b"x")
    watched.plan = [lambda: None, lambda: watched.put(b"key", b"at last")]
    assert told(watched.watcher().key(STREAM, b"key", NEVER), 1) == [(1, b"key", b"at last")]


def test_stream__changes__are_told_with_proven_values(watched):
    watched.put(b"before", b"x")
    watched.plan = [
        lambda: watched.put(b"one", b"1"),
        lambda: watched.put(b"elsewhere", b"x", OTHER),
        lambda: watched.send(StreamFile(writes=[(STREAM, b"a", b"1"), (STREAM, b"b", b""), (STREAM, b"a", b"2")])),
    ]
    changes = list(islice(watched.watcher().stream(STREAM, watched.content), 3))
    assert [(change.seq, change.key, change.value.data) for change in changes] == [
        (1, b"one", b"1"),
        (3, b"a", b"2"),
        (3, b"b", b""),
    ]
    assert all(change.value.evidence.seq == change.seq for change in changes)
    assert len(watched.read) == 2, "files of other streams were read"


def test_stream__from_its_beginning__tells_everything_that_took_effect(watched):
    for number in range(7):
        watched.put(b"%d" % number, b"value", stream=STREAM if number % 3 else OTHER)
    watched.send(StreamFile(writes=[(STREAM, b"denied", b"x")]), by=5)
    watched.send(StreamFile(version=0, writes=[(STREAM, b"1", b"late")]))
    watched.put(b"last", b"value")
    expected = [(1, b"1"), (2, b"2"), (4, b"4"), (5, b"5"), (9, b"last")]
    assert [change[:2] for change in told(watched.watcher().stream(STREAM, watched.content, NEVER), 5)] == expected


def test_stream__rights__are_told_as_controls(watched):
    watched.put(b"key", b"x")
    watched.plan = [lambda: watched.send(StreamFile(controls=[grant_writer(STREAM, sender(1))]))]
    (change,) = islice(watched.watcher().stream(STREAM, watched.content), 1)
    assert (change.seq, change.value, change.control.kind, change.control.account) == (
        1,
        None,
        Kind.GRANT_WRITER,
        sender(1),
    )


def test_stream__controls_that_came_to_nothing__are_not_told(watched):
    watched.put(b"key", b"x")
    controls = [revoke_writer(STREAM, sender(1)), grant_writer(STREAM, sender(1)), renounce_writer(STREAM)]
    watched.plan = [
        lambda: watched.send(StreamFile(controls=controls)),
        lambda: watched.send(StreamFile(controls=[renounce_writer(STREAM)]), by=1),
    ]
    changes = list(islice(watched.watcher().stream(STREAM, watched.content), 2))
    assert [(change.seq, change.control.kind) for change in changes] == [
        (1, Kind.GRANT_WRITER),
        (2, Kind.RENOUNCE_WRITER),
    ]


@pytest.mark.parametrize(
    ("forged", "message"),
    [
        (StreamFile(writes=[(STREAM, b"other", b"x")]), "writes key 0x6f74686572, which it did not"),
        (StreamFile(controls=[grant_admin(STREAM, sender(9))]), "GRANT_ADMIN_ROLE, which did not happen"),
        (StreamFile(controls=[revoke_writer(STREAM, sender(9))]), "REVOKE_WRITER_ROLE, which did not happen"),
    ],
)
def test_stream__single_server_that_names_another_file__is_not_believed(one, forged, message):
    watched = Watched(one)
    watched.put(b"key", b"x")
    watched.put(b"key", b"y")
    watched.files[forged.root] = forged.data
    one.lie(0, "kv_getTransaction", lambda told: {**told, "root": "0x" + forged.root.hex()})
    with pytest.raises(Untrusted, match=message):
        next(watched.watcher().stream(STREAM, watched.content, since=0))


def test_stream__part_about_another_stream__is_not_told(watched):
    watched.put(b"key", b"x")
    both = StreamFile(
        writes=[(OTHER, b"theirs", b"1"), (STREAM, b"ours", b"2")], controls=[grant_writer(OTHER, sender(1))]
    )
    watched.plan = [lambda: watched.send(both), lambda: watched.put(b"end", b"3")]
    assert [key for _, key, _ in told(watched.watcher().stream(STREAM, watched.content), 2)] == [b"ours", b"end"]


class Storage:
    """Files by root; what they are opened with is remembered."""

    def __init__(self, data):
        self.data = data
        self.opened = []

    def read(self, root, start, length, *, seq):
        assert seq == SEQ
        return self.data[start : start + length]

    def stream(self, root, *, openers, seq):
        assert seq == SEQ
        self.opened.append(openers)
        yield memoryview(self.data)


def sealed(cipher, data=b"\0" * 8 + b"data"):
    stream = Stream.of_bytes(data).encrypted(cipher)
    return stream.read(0, stream.size)


SEQ = 5
KEY = Key(bytes([3]) * 32)


@pytest.mark.parametrize("make", [authenticated_cipher, public_cipher])
def test_contents__encrypted_file__is_opened_with_what_was_given(make):
    storage = Storage(sealed(make(KEY, bytes(32))))
    Contents(storage, [KEY])(bytes(32), SEQ)
    assert storage.opened == [(KEY,)]


def test_contents__plain_file_among_encrypted_ones__is_read_as_it_is():
    storage = Storage(b"\xff" * 8 + b"plain")
    assert Contents(storage, [KEY])(bytes(32), SEQ) == b"\xff" * 8 + b"plain"
    assert storage.opened == [()]


def test_contents__encrypted_file_without_a_key__says_what_is_needed():
    with pytest.raises(BadSettings, match="this stream is encrypted: an encryption key is needed"):
        Contents(Storage(sealed(authenticated_cipher(KEY, bytes(32)))))(bytes(32), SEQ)
