"""Servers that are killed at any moment, and chains that take submissions back: the state is that of a fresh replay."""

import random
import threading

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.kv_server import KvServer, give, submit
from tests.doubles.polling import eventually
from tests.doubles.streams import StreamFile, grant_writer, stream_id

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(600)]

STREAMS = [stream_id(number) for number in range(3)]
KILLS = 4


def some_file(dice, seed):
    """A transaction with a few writes and perhaps a right."""
    writes = [
        (stream, b"key %d" % dice.randrange(9), b"%d " % seed + dice.randbytes(dice.randrange(600)))
        for stream in dice.sample(STREAMS, dice.randrange(1, 3))
        for _ in range(dice.randrange(1, 6))
    ]
    controls = [grant_writer(writes[0][0], dice.randbytes(20))] if dice.random() < 0.3 else []
    return StreamFile(writes=writes, controls=controls)


def fresh_root(cluster, last):
    """Root of a server that has replayed everything up to `last` from nothing."""
    fresh = KvServer(cluster, name=f"fresh-{last}").start()
    fresh.wait_for(last)
    return fresh.root()


def test_kill__at_any_moment_during_writes__loses_and_doubles_nothing(tmp_path):
    dice = random.Random("kills")
    with cluster_in(tmp_path, 1) as cluster:
        kv = KvServer(cluster).start()
        last, stopping = [0], threading.Event()

        def write():
            for seed in range(10_000):
                if stopping.is_set():
                    return
                [last[0]] = submit(cluster, some_file(dice, seed))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(KILLS):
                until = last[0] + 2
                eventually(lambda until=until: last[0] >= until, "more was written")
                kv.kill()
                kv.start()
        finally:
            stopping.set()
            writer.join()
        kv.wait_for(last[0])
        assert kv.root() == fresh_root(cluster, last[0])
        kv.stop()


def test_reorganisation__takes_submissions_back__and_with_them_what_they_wrote(tmp_path):
    dice = random.Random("forks")
    with cluster_in(tmp_path, 1) as cluster:
        chain, kv = cluster.chain, KvServer(cluster).start()
        for seed in range(3):
            submit(cluster, some_file(dice, seed))
        kv.wait_for(2)
        before = kv.root()
        snapshot, head = chain.rpc("evm_snapshot"), chain.head()
        for seed in range(3, 6):
            submit(cluster, some_file(dice, seed))
        kv.wait_for(5)
        assert kv.root() != before
        depth = chain.head() - head
        assert chain.rpc("evm_revert", snapshot)
        chain.mine(depth + 1)
        eventually(lambda: kv.kv_getReplayProgress()["appliedSeq"] == 3, "the submissions are gone")
        assert kv.root() == before
        files = [some_file(dice, seed) for seed in (6, 7)]
        seqs = chain.submit(*files)
        for seq, file in zip(seqs, files, strict=True):
            give(cluster, seq, file)
        kv.wait_for(seqs[-1])
        assert kv.root() == fresh_root(cluster, seqs[-1]) != before
