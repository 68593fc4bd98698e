"""Rights granted, passed on, revoked and renounced; keys made special; each as of the version that changed it."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.kv_server import KvServer, address, submit
from tests.doubles.streams import (
    StreamFile,
    b64,
    grant_special_writer,
    grant_writer,
    renounce_admin,
    renounce_special_writer,
    renounce_writer,
    revoke_special_writer,
    revoke_writer,
    special,
    stream_id,
)

pytestmark = pytest.mark.anvil

ADMIN, WRITER = 0, 1
KEY, OTHER = b"special", b"other"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("kv-access"), 1) as cluster:
        yield cluster, KvServer(cluster).start()


class Stream:
    """A stream of its own for each test."""

    def __init__(self, network, number):
        self.cluster, self.kv = network
        self.id = stream_id(number)

    def send(self, *controls, by=ADMIN, writes=(), version=(1 << 64) - 1):
        """What became of a transaction, and its sequence number."""
        file = StreamFile(version, writes=[(self.id, *write) for write in writes], controls=controls, streams=[self.id])
        [seq] = submit(self.cluster, file, payer=by)
        return self.kv.wait_result(seq), seq

    def commit(self, *controls, **options):
        result, seq = self.send(*controls, **options)
        assert result == "Commit"
        return seq

    def is_admin(self, who):
        return self.kv.kv_isAdmin(_hex(who), "0x" + self.id.hex())

    def is_writer(self, who):
        return self.kv.kv_isWriterOfStream(_hex(who), "0x" + self.id.hex())

    def is_writer_of_key(self, who, version=None):
        return self.kv.kv_isWriterOfKey(_hex(who), "0x" + self.id.hex(), b64(KEY), version)

    def may_write(self, who, key=OTHER):
        return self.kv.kv_hasWritePermission(_hex(who), "0x" + self.id.hex(), b64(key))

    def value(self, key, version=None):
        return self.kv.value(self.id, key, version)


def _hex(who):
    return "0x" + address(who).hex()


def test_special_key__writers_of_the_stream_and_of_the_key__write_what_is_theirs(network):
    stream = Stream(network, 0)
    assert stream.may_write(ADMIN)
    controls = grant_writer(stream.id, address(WRITER)), special(stream.id, KEY)
    first = stream.commit(*controls, writes=[(b"k", b"1"), (KEY, b"s1")])
    assert stream.is_admin(ADMIN)
    assert stream.is_writer(WRITER)
    assert stream.kv.kv_isSpecialKey("0x" + stream.id.hex(), b64(KEY))
    assert (stream.may_write(ADMIN, KEY), stream.may_write(WRITER, KEY)) == (True, False)

    result, _ = stream.send(*controls, by=WRITER, writes=[(KEY, b"stolen")])
    assert result == f"WritePermissionDenied: stream: 0x{stream.id.hex()}, key: special"
    stream.commit(grant_special_writer(stream.id, KEY, address(WRITER)))
    assert (stream.may_write(WRITER, KEY), stream.is_writer_of_key(WRITER)) == (True, True)
    assert not stream.is_writer_of_key(WRITER, first)

    renounced = [renounce_writer(stream.id)]
    second = stream.commit(*renounced, by=WRITER, writes=[(KEY, b"s2"), (b"new", b"n")], version=first)
    assert (stream.value(KEY, first), stream.value(KEY, second), stream.value(b"new")) == (b"s1", b"s2", b"n")
    assert (stream.is_writer(WRITER), stream.may_write(WRITER)) == (False, False)
    assert (stream.is_writer_of_key(WRITER), stream.may_write(WRITER, KEY)) == (True, True)

    stream.commit(renounce_special_writer(stream.id, KEY), by=WRITER, writes=[(KEY, b"s3")])
    assert stream.value(KEY) == b"s3"
    assert not stream.may_write(WRITER, KEY)
    assert stream.send(by=WRITER, writes=[(KEY, b"late")])[0] == "SenderNoWritePermission"


def test_revoke__by_others_and_by_the_administrator__takes_effect_once_it_may(network):
    stream = Stream(network, 1)
    granted = [
        grant_writer(stream.id, address(WRITER)),
        special(stream.id, KEY),
        grant_special_writer(stream.id, KEY, address(WRITER)),
    ]
    first = stream.commit(*granted, writes=[(b"k", b"1"), (KEY, b"s1")])
    assert (stream.may_write(WRITER), stream.may_write(WRITER, KEY)) == (True, True)
    revoked = [
        revoke_writer(stream.id, address(WRITER)),
        revoke_special_writer(stream.id, KEY, address(WRITER)),
    ]
    result, _ = stream.send(*revoked, by=WRITER, writes=[(b"k", b"2")], version=first)
    assert result.startswith("AccessControlPermissionDenied: operation: REVOKE_WRITER_ROLE, ")
    stream.commit(*revoked, writes=[(b"k", b"2")], version=first)
    assert stream.value(b"k") == b"2"
    assert (stream.may_write(WRITER), stream.may_write(WRITER, KEY)) == (False, False)

    pairs = [(granted[0], revoked[0]), (granted[2], revoked[1])]
    stream.commit(*(control for grant, revoke in pairs for control in (grant, revoke)))
    assert (stream.is_writer(WRITER), stream.is_writer_of_key(WRITER)) == (False, False)
    stream.commit(*(control for grant, revoke in pairs for control in (revoke, grant)))
    assert (stream.is_writer(WRITER), stream.is_writer_of_key(WRITER)) == (True, True)
    assert (stream.may_write(WRITER), stream.may_write(WRITER, KEY)) == (True, True)


def test_renounce_admin__with_the_first_write__leaves_a_stream_that_stays_as_it_is(network):
    stream = Stream(network, 2)
    seq = stream.commit(renounce_admin(stream.id), writes=[(b"k", b"for ever")])
    assert stream.value(b"k", seq) == b"for ever"
    assert not stream.is_admin(ADMIN)
    assert stream.send(writes=[(b"k", b"changed")])[0] == "SenderNoWritePermission"
