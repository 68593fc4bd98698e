"""A storage node without a chain, a network or a clock: its real parts on a folder, told of submissions by a test."""

from offchain.protocol.shards import Shard
from offchain.runtime.metrics import Metrics
from offchain.storage.node.admin_api import AdminApi
from offchain.storage.node.catalog import CATALOG_SCHEMA, Catalog
from offchain.storage.node.intake import Intake
from offchain.storage.node.lanes import Lanes
from offchain.storage.node.peers import Identity, Peers
from offchain.storage.node.pool import Pool
from offchain.storage.node.proofs import FlowProofs
from offchain.storage.node.scrub import Scrub
from offchain.storage.node.segment_api import SegmentApi
from offchain.storage.node.shelf import Shelf
from offchain.storage.node.sync import Sync
from offchain.storage.node.zgs_api import SyncProgress, ZgsApi
from offchain.store.cursor import CURSOR_SCHEMA
from offchain.store.database import Database
from offchain.store.segment_store import SegmentStore
from tests.doubles.clock import FakeClock
from tests.doubles.flow_log import FLOW, FlowLog

IDENTITY = Identity(31337, FLOW)
PATIENCE = 300.0
CAPACITY = 64 << 20
SHARE = 32 << 20
BLOCK_HASH = b"\xb1" * 32


class NodeParts:
    """What `Node` wires, on `folder`; `flow` is the log that it was told."""

    def __init__(
        self,
        folder,
        shard=None,
        peers=(),
        capacity=CAPACITY,
        share=SHARE,
        max_writing=64,
        verify=True,
        automatic=False,
        flow=None,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = FakeClock()
        self.flow = flow or FlowLog()
        self.block = 0
        self.stopped = 0
        self.database = Database(folder / "node.sqlite", CATALOG_SCHEMA, CURSOR_SCHEMA, durable=False)
        self.store = SegmentStore(folder / "files")
        self.catalog = Catalog(self.database)
        self.pool = Pool(self.database, self.store, capacity, share, PATIENCE, self.clock.now)
        self.shelf = Shelf(self.store, self.catalog, shard or Shard(), max_writing, verify)
        self.intake = Intake(self.catalog, self.pool, self.shelf)
        self.peers = Peers(peers, IDENTITY, self.clock.now)
        self.sync = Sync(self.catalog, self.shelf, self.intake, self.peers, automatic, self.clock.now)
        self.shelf.lost = self.sync.repair
        self.metrics = Metrics("test", "0")
        self.scrub = Scrub(self.catalog, self.shelf, 1 << 20, self.metrics)
        self.proofs = FlowProofs(self.catalog, self.shelf)

    def close(self):
        self.store.close()
        self.database.close()

    @property
    def zgs(self):
        return ZgsApi(
            IDENTITY,
            self.catalog,
            self.shelf,
            self.intake,
            self.proofs,
            Lanes(),
            lambda: SyncProgress(self.block, BLOCK_HASH),
            lambda: len(self.peers.connected()),
        )

    @property
    def admin(self):
        return AdminApi(
            "n0de" * 10,
            lambda: ["http://127.0.0.1:5678"],
            self.catalog,
            self.sync,
            self.scrub,
            self.peers,
            self.metrics.values,
            self._stop,
            self.clock.now,
        )

    @property
    def segments(self):
        return SegmentApi(self.catalog, self.shelf, self.intake, Lanes().segments)

    def serve(self, web, url, framed=True):
        """Answer at `url` of a `LocalWeb`; without `framed`, as other implementations do."""
        return web.serve(url, self.zgs.methods, self.segments.routes if framed else ())

    def submit(self, *files, block=None, tags=b""):
        """Files are submitted in a new block."""
        self.block = self.block + 1 if block is None else block
        submitted = [self.flow.submit(file.submission(tags), self.block) for file in files]
        return self.follow(submitted)

    def follow(self, submitted=(), rolled_back_to=None):
        """The chain tells of submissions; returns the new entries."""
        added, _ = self.catalog.apply(
            submitted, self.flow.tree.root, f"cursor {self.block}", rolled_back_to, self.pool.deadline()
        )
        self.intake.added(added)
        return added

    def roll_back(self, block):
        """The chain forgets everything above `block`."""
        self.flow.roll_back(block)
        self.block = block
        self.follow(rolled_back_to=block)

    def put(self, file, indices=None, seq=None):
        """Segments of a file arrive."""
        for index in file.segments if indices is None else indices:
            self.intake.take(file.segment(index), seq)

    def shelve(self, file, indices=None):
        """Segments of a file are stored, whether it was submitted or not."""
        for index in file.segments if indices is None else indices:
            self.shelf.put(file.segment(index))

    def missing(self, entry):
        """Segments of a submission that the node should have and has not."""
        return [index for gap in self.shelf.gaps(entry.content, self.shelf.owned(entry), 1000) for index in gap]

    def completes(self, file, seq=0):
        """Whether submission `seq` of a file is complete after the node looked for what is missing."""
        self.shelf.complete(file.content)
        return self.catalog.entry(seq).finalized

    def hold(self, *files):
        """Files are submitted, uploaded and complete; returns their entries."""
        entries = self.submit(*files)
        for file in files:
            self.put(file, self.missing(self.catalog.of_content(file.content)[-1]))
            self.shelf.complete(file.content)
        return [self.catalog.entry(entry.seq) for entry in entries]

    def damage(self, file, index, at=0):
        """The disk turns a bit of a segment."""
        (path,) = self.store._folder.rglob(f"{file.content.name}.data")
        with path.open("r+b") as data:
            data.seek(index * 262144 + at)
            byte = data.read(1)
            data.seek(index * 262144 + at)
            data.write(bytes([byte[0] ^ 1]))

    def _stop(self):
        self.stopped += 1
