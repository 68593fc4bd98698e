"""A file that nobody ever uploads is passed over after a time; should it come, it is as if it had been there."""

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.kv_server import KvServer, give, submit
from tests.doubles.polling import eventually
from tests.doubles.streams import StreamFile, stream_id

pytestmark = pytest.mark.anvil

STREAM, OTHER = stream_id(0), stream_id(1)
HEX = "0x" + STREAM.hex()


def test_missing_file__is_skipped_told_and_taken_in_when_it_comes(tmp_path):
    with cluster_in(tmp_path, 1) as cluster:
        kv = KvServer(cluster).start()
        [first] = submit(cluster, StreamFile(writes=[(STREAM, b"first", b"1")]))
        assert kv.wait_result(first) == "Commit"

        lost = StreamFile(writes=[(STREAM, b"lost", b"2"), (STREAM, b"first", b"changed")])
        [skipped] = cluster.chain.submit(lost)
        eventually(lambda: kv.kv_getStreamStatus(HEX)["pendingFrom"] == skipped, "the stream waits")
        [elsewhere] = submit(cluster, StreamFile(writes=[(OTHER, b"k", b"goes on")]))
        assert kv.wait_result(elsewhere) == "Commit"
        kv.stop()
        kv.start("--patience", "0")  # only while nothing is on its way that could come late on a busy machine
        assert kv.wait_result(skipped) == "DownloadFailed"
        kv.stop()
        kv.start()

        [last] = submit(cluster, StreamFile(skipped, writes=[(STREAM, b"last", b"3")]))
        assert kv.wait_result(last) == "Commit"
        assert [kv.value(STREAM, key) for key in (b"first", b"lost", b"last")] == [b"1", None, b"3"]
        status = kv.kv_getStreamStatus(HEX)
        assert (status["provisionalFrom"], status["pendingFrom"]) == (skipped, None)
        assert [each["seq"] for each in kv.kv_getServerStatus()["missing"]] == [skipped]
        assert kv.get("/health")[0] == 200

        give(cluster, skipped, lost)
        eventually(lambda: kv.kv_getTransactionResult(skipped) == "Commit", "the file is taken in")
        kv.wait_for(last)
        assert [kv.value(STREAM, key) for key in (b"first", b"lost", b"last")] == [b"changed", b"2", b"3"]
        assert kv.kv_getStreamStatus(HEX)["provisionalFrom"] is None
        fresh = KvServer(cluster, name="fresh").start()
        fresh.wait_for(last)
        assert fresh.root() == kv.root()
