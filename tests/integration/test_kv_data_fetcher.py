"""Files are fetched from whichever node has them: others may be down, or have nothing."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.kv_server import KvServer, give, submit
from tests.doubles.polling import eventually
from tests.doubles.streams import StreamFile, some_writes, stream_id

pytestmark = pytest.mark.anvil

STREAM = stream_id(1)


def test_fetch__one_of_two_nodes_is_stopped__the_other_is_enough(tmp_path):
    with cluster_in(tmp_path, 3, "--auto-sync") as cluster:
        first, second, third = cluster.nodes
        kv = KvServer(cluster, nodes=[second, third]).start()
        writes = some_writes(STREAM, 20)
        [one] = submit(cluster, StreamFile(writes=writes), nodes=[first])
        assert kv.wait_result(one) == "Commit"
        third.stop()
        again = [(STREAM, key, b"again " + value) for _, key, value in writes]
        [two] = submit(cluster, StreamFile(one, writes=again), nodes=[first])
        assert kv.wait_result(two) == "Commit"
        for (_, key, old), (_, _, new) in zip(writes, again, strict=True):
            assert (kv.value(STREAM, key, one), kv.value(STREAM, key, two)) == (old, new)


def test_fetch__all_nodes_are_down__waits_beyond_its_patience_and_goes_on_when_one_is_back(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        [node] = cluster.nodes
        kv = KvServer(cluster, "--patience", "0").start()
        # Without patience a file that is not there at once is passed over: all after it is decided anew when it comes.
        [first] = submit(cluster, StreamFile(writes=[(STREAM, b"k", b"before")]))
        eventually(lambda: kv.wait_result(first) == "Commit", "the first one counts")
        node.stop()
        file = StreamFile(writes=[(STREAM, b"k", b"after")])
        [seq] = cluster.chain.submit(file)
        other = StreamFile(writes=[(STREAM, b"k", b"last")])
        cluster.chain.submit(other)
        eventually(lambda: len(kv.kv_getServerStatus()["waiting"]) == 2, "both wait")
        eventually(lambda: "storage node" in (kv.kv_getTransaction(seq)["reason"] or ""), "the reason is told")
        node.start()
        give(cluster, seq, file)
        give(cluster, seq + 1, other)
        status = "0x" + STREAM.hex()
        eventually(lambda: [kv.wait_result(each) for each in (seq, seq + 1)] == ["Commit"] * 2, "both count")
        eventually(lambda: kv.kv_getStreamStatus(status)["provisionalFrom"] is None, "nothing is provisional any more")
        assert (kv.value(STREAM, b"k", seq), kv.value(STREAM, b"k")) == (b"after", b"last")
