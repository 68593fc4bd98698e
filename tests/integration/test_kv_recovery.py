"""A server that was down, in an orderly way or not, has everything that was written meanwhile."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.kv_server import KvServer, submit
from tests.doubles.streams import StreamFile, some_writes, stream_id

pytestmark = pytest.mark.anvil

STREAMS = [stream_id(number) for number in range(5)]


@pytest.mark.parametrize("ending", [KvServer.stop, KvServer.kill], ids=["stopped", "killed"])
def test_server__down_during_writes__has_old_and_new_values_after_its_start(tmp_path, ending):
    with cluster_in(tmp_path, 1) as cluster:
        kv = KvServer(cluster).start()
        writes = [write for stream in STREAMS for write in some_writes(stream, 4)]
        [first] = submit(cluster, StreamFile(writes=writes))
        assert kv.wait_result(first) == "Commit"
        ending(kv)
        again = [(stream, key, b"again " + value) for stream, key, value in writes]
        [second] = submit(cluster, StreamFile(first, writes=again))
        kv.start()
        assert kv.wait_result(second) == "Commit"
        for (stream, key, old), (_, _, new) in zip(writes, again, strict=True):
            assert (kv.value(stream, key, first), kv.value(stream, key, second)) == (old, new)
        fresh = KvServer(cluster, name="fresh").start()
        fresh.wait_for(second)
        assert fresh.root() == kv.root()
