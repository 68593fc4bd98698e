"""Put and get over four shards: versions, conflicts, damaged files, strangers, deletion, encrypted streams."""

import random

import pytest

from offchain.protocol.encryption import Key
from offchain.protocol.kv.stream_data import UNCHECKED
from tests.doubles.cluster import cluster_in
from tests.doubles.encrypted import encrypted_by_key
from tests.doubles.kv_server import KvServer, address, submit
from tests.doubles.streams import StreamFile, some_writes, stream_id

pytestmark = pytest.mark.anvil

STREAMS = [stream_id(number) for number in range(10)]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Four nodes, each with a quarter of the flow, and a key-value server."""
    with cluster_in(tmp_path_factory.mktemp("kv-put-get")) as cluster:
        for number in range(4):
            cluster.add(1, "--shard-id", str(number), "--num-shards", "4")
        yield cluster, KvServer(cluster).start()


class Expected:
    """What a test has written, by stream and key."""

    def __init__(self, cluster, kv):
        self.cluster = cluster
        self.kv = kv
        self.values = {}

    def send(self, result, file, payer=0):
        """Submit a transaction and compare what became of it; returns its sequence number."""
        [seq] = submit(self.cluster, file, payer=payer)
        assert self.kv.wait_result(seq) == result
        if result == "Commit":
            self.values |= {(write.stream, write.key): write.value or None for write in file.stream_data.writes}
        return seq

    def check(self, values=None, version=None):
        for (stream, key), value in (values or self.values).items():
            assert self.kv.value(stream, key, version) == value

    def rewrites(self, seed, count=1):
        """Writes of new values to all keys."""
        dice = random.Random(seed)
        return [(*place, dice.randbytes(dice.randrange(1, 300))) for place in self.values for _ in range(count)]


def test_put_get__through_versions_conflicts_and_refusals__holds_what_was_committed(network):
    cluster, kv = network
    expected = Expected(cluster, kv)
    first = expected.send("Commit", StreamFile(writes=[w for s in STREAMS for w in some_writes(s, 2, 400)]))
    expected.check()
    for stream in STREAMS:
        assert kv.kv_isAdmin("0x" + address(0).hex(), "0x" + stream.hex())
    before = dict(expected.values)

    second = expected.send("Commit", StreamFile(first, writes=expected.rewrites("second")))
    expected.check(before, first)
    expected.check(version=second)

    expected.send("VersionConfliction", StreamFile(first, writes=expected.rewrites("conflict")))
    reads = list(expected.values)
    expected.send("VersionConfliction", StreamFile(first, reads, expected.rewrites("one")[:1]))
    damaged = StreamFile(UNCHECKED, writes=expected.rewrites("cut"), cut=200)
    expected.send("DataParseError: Invalid stream data", damaged)
    expected.send("SenderNoWritePermission", StreamFile(writes=expected.rewrites("stranger")), payer=1)
    expected.check()

    older = dict(expected.values)
    several = expected.rewrites("several", 5)
    random.Random(1).shuffle(several)
    third = expected.send("Commit", StreamFile(second, writes=several))
    expected.check(older, third - 1)
    expected.check()

    older = dict(expected.values)
    deleted = [(*place, b"") for place in list(expected.values)[::2]]
    fourth = expected.send("Commit", StreamFile(writes=deleted))
    expected.check(older, fourth - 1)
    expected.check()
    assert kv.kv_getReplayProgress() == {"appliedSeq": fourth + 1, "firstTxSeq": None}


def test_put_get__encrypted_stream__is_read_with_the_key_only(network):
    cluster, plain = network
    key = bytes([0x42]) * 32
    secret = cluster.folder / "stream.key"
    secret.write_text(key.hex())
    secret.chmod(0o600)
    kv = KvServer(cluster, "--encryption-key-file", secret, name="kv-encrypted").start()
    stream = stream_id(200)
    writes = some_writes(stream, 3, 100)
    [first] = submit(cluster, StreamFile(writes=writes, encrypt=lambda data: encrypted_by_key(Key(key), data)))
    again = [(stream, name, b"again " + value) for _, name, value in writes]
    [second] = submit(cluster, StreamFile(first, writes=again, encrypt=lambda data: encrypted_by_key(Key(key), data)))
    assert [kv.wait_result(seq) for seq in (first, second)] == ["Commit", "Commit"]
    for (_, name, old), (_, _, new) in zip(writes, again, strict=True):
        assert (kv.value(stream, name, first), kv.value(stream, name)) == (old, new)
    assert plain.wait_result(second).startswith("DataParseError: ")
    assert plain.value(stream, writes[0][1]) is None
