"""A node with narrow limits that strangers may attack, and what it must be like afterwards."""

from contextlib import contextmanager

from tests.doubles.cluster import cluster_in
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample
from tests.doubles.zgs import Zgs

MAX_BODY = 4 << 20
MAX_REQUESTS = 16
MAX_BODIES = 2 * MAX_BODY
LIMITS = ["--max-body", str(MAX_BODY), "--max-requests", str(MAX_REQUESTS), "--max-idle", "500ms"]
LIMITS += ["--max-bodies", str(MAX_BODIES), "--max-per-address", str(MAX_REQUESTS // 2)]
SIZE = 3 * 262_144 + 5
ROOM = 96 << 20
"""Bytes of memory that hostile requests may cost: a few bodies of the greatest size, and what the allocator keeps."""


@contextmanager
def narrow_cluster(folder):
    """A node with narrow limits and one complete file, `sample`, as submission `seq`."""
    with cluster_in(folder, 1, *LIMITS) as cluster:
        cluster.sample = Sample(SIZE)
        cluster.seq = cluster.store(cluster.sample)
        yield cluster


@contextmanager
def unharmed(cluster):
    """The node; afterwards it is alive, serves what it had, and has not grown."""
    node = cluster.nodes[0]
    before, position = node.worker.memory(), len(node.worker.text())
    yield node
    assert node.worker.code is None, node.worker.text()[-2000:]
    stranger = Zgs(node.url)
    eventually(lambda: stranger.post(b"")[0] == 200, "the node has room again and serves")
    assert stranger.content(cluster.seq) == cluster.sample.data
    grown = node.worker.memory() - before
    assert grown < ROOM, f"the node has grown by {grown} bytes"
    told = node.worker.text()[position:]
    assert "Traceback" not in told, told[-2000:]


def frames_path(sample):
    """Where the segments of a file are sent and fetched as frames."""
    return f"/v1/files/{sample.root.hex()}-{sample.size}/segments"
