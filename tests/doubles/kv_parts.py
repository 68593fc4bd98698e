"""A key-value server without a chain, a network or a clock: its real parts on a folder, told of all by a test."""

from offchain.protocol.keccak import keccak256
from offchain.runtime.metrics import Metrics
from offchain.storage.kv.server import ledger, pages, state, values
from offchain.storage.kv.server.api import KvApi
from offchain.storage.kv.server.checked_api import CheckedApi
from offchain.storage.kv.server.decrypt import Decrypt
from offchain.storage.kv.server.files import Files
from offchain.storage.kv.server.holding import Holding
from offchain.storage.kv.server.ledger import Ledger
from offchain.storage.kv.server.replay import Replay, roll_back
from offchain.storage.kv.server.replayer import Replayer
from offchain.storage.kv.server.server import SCHEMAS
from offchain.store.database import Database
from tests.doubles.clock import FakeClock
from tests.doubles.flow_log import FLOW, FlowLog

IDENTITY = (31337, FLOW)
PATIENCE = 100.0
HEAD = (7, keccak256(b"head"))


def sender(number):
    """20 bytes of somebody who writes."""
    return bytes([0xA0 + number]) * 20


class Looking:
    """Stands in for the fetcher: remembers what is looked for."""

    def __init__(self):
        self.entries = {}

    @property
    def count(self):
        return len(self.entries)

    def want(self, entry):
        self.entries[entry.seq] = entry

    def drop(self, seq):
        self.entries.pop(seq, None)

    def forget(self, seq):
        self.entries = {number: entry for number, entry in self.entries.items() if number < seq}

    def problem(self, seq):
        return "nobody has it" if seq in self.entries else None


class KvParts:
    """What `Server` wires, on `folder`; `flow` is the log that it was told."""

    def __init__(self, folder, held=None, history=1000, openers=(), flow=None, clock=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock or FakeClock()
        self.flow = flow or FlowLog()
        self.block = self.flow.submitted[-1].log.block_number if self.flow.submitted else 0
        self.database = Database(folder / "kv.sqlite", *SCHEMAS, durable=False)
        self.book = Ledger(self.database)
        self.holding = Holding(self.database, held)
        self.files = Files(folder / "files")
        self.metrics = Metrics("test", "0")
        self.replay = Replay(self.database, self.files, self.holding.held, history, Decrypt(openers))
        self.replayer = Replayer(self.book, self.replay, PATIENCE, self.metrics, self.clock.now)
        self.holding.changed = self.replayer.hold
        self.looking = self.replayer.fetcher = Looking()
        self.replay.sweep()
        self.replayer.begin()
        self.work()

    def close(self):
        self.database.close()

    @property
    def api(self):
        return KvApi(self.database, self.book, self.replay)

    @property
    def checked(self):
        return CheckedApi(self.database, self.replay, IDENTITY, lambda: HEAD, self.looking.problem)

    def announce(self, *files, by=0, block=None):
        """Transactions are submitted in a new block, without their files; returns their sequence numbers."""
        self.block = self.block + 1 if block is None else block
        caller = "0x" + sender(by).hex()
        submitted = [self.flow.submit(file.submission(), self.block, caller=caller) for file in files]
        self._record(submitted)
        return [each.seq for each in submitted]

    def _record(self, submitted):
        with self.database.transaction() as transaction:
            waiting = ledger.record(transaction, submitted, self.replay.held, self.clock.now())
        self.replayer.added(waiting)
        self.work()

    def send(self, *files, by=0):
        """Transactions are submitted and their files are there; returns their sequence numbers."""
        seqs = self.announce(*files, by=by)
        for seq, file in zip(seqs, files, strict=True):
            self.give(seq, file)
        return seqs

    def give(self, seq, file):
        """The file of a submission arrives."""
        self.files.put(file.root, file.size, [memoryview(file.data)])
        self.looking.drop(seq)
        self.replayer.arrived(seq)
        self.work()

    def lack(self, *seqs, seconds=PATIENCE):
        """After a time, no storage node has these files."""
        self.clock.sleep(seconds)
        for seq in seqs:
            self.replayer.absent(seq)
        self.work()

    def roll_back(self, block):
        """The chain forgets everything above `block`."""
        self.flow.roll_back(block)
        self.block = block
        with self.database.transaction() as transaction:
            gone = roll_back(transaction, block)
        self.looking.forget(gone)
        self.replayer.undone(gone)

    def work(self):
        """Replay until there is nothing left to try."""
        while not self.replayer.idle():
            self.replayer.work()

    def result(self, seq):
        """What became of a submission."""
        entry = self.book.entry(seq)
        return None if entry is None else entry.result

    def waiting(self):
        """Sequence numbers that are not decided."""
        return [entry.seq for entry in self.book.waiting()]

    def value(self, stream, key, version=ledger.END):
        """A key's whole value; None where it has none."""
        with self.database.snapshot() as reader:
            found = values.find(reader, stream, key, version)
            return values.read(reader, found, 0, found.size) if found and found.size else None

    def root(self, stream, seq=ledger.END):
        """Root of a stream after a sequence number."""
        with self.database.snapshot() as reader:
            return pages.root_at(reader, stream, seq)

    def streams(self):
        """Streams that anything was committed to."""
        with self.database.snapshot() as reader:
            return [stream for stream in state.known(reader) if pages.root_at(reader, stream, ledger.END) != bytes(32)]

    def provisional(self, stream):
        """From which sequence number on a stream is provisional."""
        with self.database.snapshot() as reader:
            return state.provisional_from(reader, stream)
