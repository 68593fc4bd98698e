"""A key-value server as a process beside a cluster, spoken to as a stranger would."""

import base64
from http.client import HTTPException

from tests.doubles.cluster import account, free_port
from tests.doubles.nursery import nursery
from tests.doubles.polling import eventually
from tests.doubles.samples import upload
from tests.doubles.streams import b64
from tests.doubles.zgs import Refused, Zgs

QUICK = ["--poll", "50ms", "--min-free-disk", "0", "--log-format", "json"]
NOTHING = {"version": 0, "data": "", "size": 0}


class KvServer(Zgs):
    """The process, its data directory, its addresses; `url` is the public one."""

    def __init__(self, cluster, *options, nodes=None, name="kv"):
        self.cluster = cluster
        self.name = name
        self.nodes = nodes or cluster.nodes
        self.options = options
        self.data = cluster.folder / "data" / name
        self.worker = None
        ports = free_port(), free_port()
        super().__init__(f"http://127.0.0.1:{ports[0]}")
        self.admin = Zgs(f"http://127.0.0.1:{ports[1]}")

    def start(self, *options):
        """Start the process; returns once it serves."""
        cluster = self.cluster
        command = ["--rpc", cluster.chain.url, "--flow", cluster.chain.flow.address, "--data", self.data]
        command += ["--nodes", ",".join(node.url for node in self.nodes)]
        command += ["--listen", self.url.removeprefix("http://")]
        command += ["--listen-admin", self.admin.url.removeprefix("http://"), *QUICK, *self.options, *options]
        self.worker = nursery().start("offchain.storage.kv.server", command, cluster.folder / f"{self.name}.log")
        cluster.workers.append(self.worker)
        eventually(self.is_serving, f"{self.name} serves, see {self.worker.log}")
        return self

    def is_serving(self):
        """Whether it answers; fails when the process has ended."""
        assert self.worker.code is None, f"{self.name} ended with {self.worker.code}:\n{self.worker.text()[-3000:]}"
        try:
            return self.kv_getStatus()
        except (OSError, HTTPException):
            return False

    def kill(self):
        self.worker.kill()

    def stop(self):
        """An orderly end."""
        assert self.worker.stop() == 0, self.worker.text()[-3000:]

    def wait_result(self, seq, seconds=60):
        """What became of a submission, once that is decided."""
        return eventually(lambda: self.kv_getTransactionResult(seq), f"{self.name} decides {seq}", seconds)

    def wait_for(self, seq):
        """Return when everything up to `seq` is decided."""
        eventually(lambda: self.kv_getReplayProgress()["appliedSeq"] > seq, f"{self.name} decides all up to {seq}")

    def value(self, stream, key, version=None):
        """The whole value of a key, in pieces; None for one that is not there."""
        data, size = b"", None
        while size is None or len(data) < size:
            told = self.kv_getValue("0x" + stream.hex(), b64(key), len(data), 1 << 18, version)
            size, piece = told["size"], base64.b64decode(told["data"])
            assert piece or len(data) == size
            data += piece
        return data if size else None

    def root(self, stream=None):
        """Root of a stream, or of the whole state."""
        told = self.admin.admin_getStateRoot() if stream is None else self.kv_getStateRoot("0x" + stream.hex())
        return told["root"]


def submit(cluster, *files, payer=0, nodes=None):
    """Announce transactions and give their files to the nodes; returns their sequence numbers."""
    seqs = cluster.chain.submit(*files, payer=payer)
    for seq, file in zip(seqs, files, strict=True):
        give(cluster, seq, file, nodes)
    return seqs


def give(cluster, seq, file, nodes=None):
    """Give the file of a submission to nodes, all by default; some may have it, or need nothing of it."""
    for node in cluster.nodes if nodes is None else nodes:
        node.wait_for(seq)
        try:
            upload(node, seq, file)
        except Refused as refused:
            assert "already" in f"{refused}"
        node.wait_finalized(seq)


def address(number):
    """20 bytes of a development account."""
    return bytes.fromhex(account(number).address[2:])
