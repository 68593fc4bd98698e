"""A town with key-value servers: somebody pays for transactions, storage nodes get their files, servers decide them."""

from contextlib import nullcontext

from offchain.protocol.kv.replay import COMMIT
from offchain.storage.client.network import Network
from offchain.storage.kv.client.outbox import Outbox
from offchain.storage.kv.client.publish import Publisher
from offchain.storage.kv.client.sealing import Sealer
from offchain.storage.kv.client.writer import Writer
from offchain.store.segment_store import Content
from tests.doubles.files import File
from tests.doubles.kv_panel import KvPanel
from tests.doubles.paying import PAYER
from tests.doubles.town import Town

OTHER = "0x" + "b2" * 20


class KvTown:
    """Whoever waits lets a block pass: everybody hears of it, and the servers fetch what the nodes have."""

    def __init__(self, folder, neighbours, servers=1, **options):
        self.folder = folder
        self.town = Town(folder, neighbours)
        self.kv = KvPanel(folder / "servers", neighbours.web)
        for _ in range(servers):
            self.kv.add(**options)
        self.waits = 0
        self.deaf = set()
        """Numbers of servers that hear of nothing."""
        self.senders = {}
        """Who sent a submission, where that was not the payer."""
        self.town.payer.clock.on_sleep = self.kv.clock.on_sleep = self.tick
        self.neighbours = neighbours

    @property
    def payer(self):
        return self.town.payer

    def tick(self):
        self.waits += 1
        assert self.waits < 1000, "somebody waits for ever"
        self.town.mine()
        self.neighbours.complete()
        for number, parts in enumerate(self.kv.parts):
            if number not in self.deaf:
                self._hear(parts)

    def _hear(self, parts):
        for seq, log in enumerate(self.payer.chain.submitted()):
            if seq == len(parts.flow.submitted):
                caller = self.senders.get(seq, PAYER.address)
                parts.block += 1
                parts._record([parts.flow.submit(log.submission, parts.block, caller=caller)])
        for entry in parts.book.waiting():
            data = self._stored(entry)
            if data is not None:
                parts.give(entry.seq, File(data))

    def _stored(self, entry):
        """The file of a submission, as the first node has it."""
        node, content = self.neighbours.nodes[0], Content(entry.root, entry.size)
        known = node.catalog.of_content(content)
        if not known or not known[0].finalized:
            return None
        segments = range(-(-entry.size // 262_144))
        return b"".join(node.shelf.data(content, index) for index in segments)[: entry.size]

    def publisher(self, replicas=1, frames=True, fuse=None):
        """With `fuse`, that of a process that may die while it pays."""
        network = Network(self.neighbours.urls, None, frames=frames)
        wallet = (lambda _: nullcontext(self.payer.payments(fuse))) if fuse else self.payer.wallet
        return Publisher(network, wallet, replicas, sleep=self.kv.clock.sleep)

    def outbox(self):
        return Outbox(self.folder / "outbox")

    def writer(self, encryption=None, unproven=False, **panel):
        self.panel = self.kv.panel(**panel)
        return Writer(self.panel, self.publisher(), self.outbox(), Sealer(encryption), unproven)

    def commit(self, batch, version=None, **options):
        """What a process that has just been started does."""
        data = batch.data() if version is None else batch.data(version)
        return self.writer(**options).commit(data, self.town.agree)

    def submit(self, submission, caller=OTHER):
        """Somebody else's submission."""
        self.senders[len(self.payer.chain.submitted())] = caller
        self.payer.chain.submit(submission)
        self.neighbours.follow(self.payer.chain)

    @property
    def commits(self):
        """Transactions that the first server has committed."""
        parts = self.kv.parts[0]
        return [seq for seq in range(len(parts.flow.submitted)) if parts.result(seq) == COMMIT]

    def close(self):
        self.town.close()
        self.kv.close()
