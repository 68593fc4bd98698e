"""A miner without a chain, a network or a clock: its real parts on a folder, told of the flow by a test."""

from math import inf

from offchain.fast.sealing import seal
from offchain.protocol.epochs import Context, SealedRange
from offchain.protocol.keccak import keccak256
from offchain.protocol.pora import Parameters, Surroundings, subtask_digest, window
from offchain.protocol.recall import LOAD_SECTORS, LOAD_UNITS, Task, bound_of
from offchain.protocol.sealing import UNIT_SECTORS, sealing_context
from offchain.runtime.metrics import Metrics
from offchain.storage.miner.allowance import Allowance
from offchain.storage.miner.answer_book import AnswerBook
from offchain.storage.miner.answers import Answers
from offchain.storage.miner.fetch import Fetched
from offchain.storage.miner.holding import Holding
from offchain.storage.miner.job import Job
from offchain.storage.miner.plan import Planner
from offchain.storage.miner.raw_load import Segment, assemble
from offchain.storage.miner.sealed_file import SealedFile
from offchain.storage.miner.sealed_loads import SealedLoads
from offchain.storage.miner.sealed_ranges import Found, SealedRanges
from offchain.storage.miner.sealing import Parts, Sealing
from offchain.storage.miner.shelf import Shelf
from offchain.storage.miner.state import SCHEMAS
from offchain.storage.node.catalog import Catalog
from offchain.store.database import Database
from tests.doubles.clock import FakeClock
from tests.doubles.flow_log import FlowLog
from tests.doubles.mined_flow import MinedFlow

WHOLE = Holding()
MINER_ID = keccak256(b"the miner")
PARAMETERS = Parameters(subtasks=2, interval=50, mine_blocks=50, max_shards=16, wanted=4, pricing_sectors=4_096)
EASIEST = (1 << 256) - 1
OPENING = keccak256(b"the block that opens a subtask")


class Library:
    """What storage nodes have: files by root, some of them away."""

    def __init__(self):
        self.files = {}
        self.away = set()
        self.asked = []

    def add(self, *files):
        for file in files:
            self.files[file.root] = file

    def loads(self, plans):
        self.asked.append([plan.load for plan in plans])
        parts = [part for plan in plans for part in plan.parts]
        missing = {part.entry.seq: "nobody has it" for part in parts if not self._file(part)}
        whole = [plan for plan in plans if all(map(self._file, plan.parts))]
        return Fetched([assemble(plan, self._segment) for plan in whole], missing)

    def _file(self, part):
        return self.files.get(part.entry.root) if part.entry.root not in self.away else None

    def _segment(self, part):
        found = self._file(part).segment(part.source)
        return Segment(found.data, found.siblings)


class MinerParts:
    """What `Miner` wires, on `folder`; `flow` is the log that it was told, `library` where its data comes from."""

    def __init__(
        self, folder, holding=WHOLE, miner_id=MINER_ID, flow=None, min_free=0, check_every=1, cpu=None,
        is_mining=lambda: False,
    ):  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.holding, self.miner_id = folder, holding, miner_id
        self.clock, self.flow, self.library = FakeClock(), flow or FlowLog(), Library()
        self.block, self.placed, self.ranges_told = 0, [], []
        self.min_free, self.check_every = min_free, check_every
        self.cpu, self.is_mining = cpu or Allowance(inf), is_mining
        self.open()

    def open(self):
        """Make all parts, as at the start of a process."""
        self.metrics = Metrics("test", "0")
        self.database = Database(self.folder / "miner.sqlite", *SCHEMAS, durable=False)
        self.catalog, self.ranges = Catalog(self.database), SealedRanges(self.database)
        self.loads = SealedLoads(self.database, self.holding)
        self.file = SealedFile(self.folder / "sealed.data")
        self.shelf = Shelf(self.holding, self.loads, self.file, self.check_every)
        self.planner = Planner(self.catalog, self.ranges)
        self.answers = Answers(self.catalog, self.ranges, self.loads, self.shelf, self.miner_id)
        self.book = AnswerBook(self.database)
        self.sealing = Sealing(
            Parts(self.holding, self.planner, self.library, self.file, self.loads),
            self.miner_id,
            self.cpu,
            1,
            self.min_free,
            self.is_mining,
            self.metrics,
            self.clock.now,
        )

    def close(self):
        self.file.close()
        self.database.close()

    def restart(self):
        self.close()
        self.open()

    def submit(self, *files, block=None):
        """Files are submitted in a new block, and storage nodes have them."""
        self.library.add(*files)
        return self.announce(*(file.submission() for file in files), block=block)

    def announce(self, *submissions, block=None):
        """Submissions in a new block, of files that nobody has."""
        self.block = self.block + 1 if block is None else block
        submitted = [self.flow.submit(submission, self.block) for submission in submissions]
        added, _ = self.catalog.apply(submitted, self.flow.tree.root, "cursor", None, 0.0)
        self.placed += added
        return added

    def open_epoch(self):
        """A context seals what no earlier one does."""
        self.block += 1
        covered, length = self.ranges.covered(), self.flow.tree.length
        digest = keccak256(b"context", bytes([self.flow.fork]), self.block.to_bytes(8, "big"))
        found = SealedRange(covered, length, digest, self.block)
        self.ranges.replace(self.block - 1, [Found(found, self.block)] if length > covered else [])
        self.ranges_told = self.ranges.over(0, length)
        return digest

    def roll_back(self, block):
        """The chain forgets everything above `block`, as the follower would tell the parts."""
        self.flow.roll_back(block)
        self.block = block
        kept = min(self.flow.tree.length, self.ranges.covered(block))
        with self.loads.doubting(kept // 1024 * 1024):
            self.ranges.replace(block, [])
            self.catalog.apply([], None, "cursor", block, 0.0)
        self.placed = [each for each in self.placed if each.block <= block]
        self.ranges_told = self.ranges.over(0, 1 << 40)

    def seal(self):
        """Seal whatever can be sealed now; returns the pause."""
        return self.sealing.advance()

    def model(self):
        """The same flow, sealed by the readable protocol."""
        files = [(each.start, self.library.files[each.root].data) for each in self.placed]
        return MinedFlow(self.flow.tree.length, files, self.ranges_told, self.miner_id)

    def expected(self, slot, model=None):
        """What should be sealed in `slot` of the flow `model`; by the compiled twin, as the protocol takes its time."""
        position, model = self.holding.load(slot) * LOAD_SECTORS, model or self.model()
        units = [position + number * UNIT_SECTORS for number in range(LOAD_UNITS)]
        data = bytearray(b"".join(map(model.raw, units)))
        contexts = [sealing_context(model.ranges, unit) for unit in units]
        seal(data, data, self.miner_id, contexts, position)
        return bytes(data)

    def sealed(self, slot):
        """The sealed bytes in `slot`."""
        data = bytearray(262_144)
        self.file.read_into(slot, memoryview(data))
        return bytes(data)

    def damage(self, slot, at=0):
        """The disk turns a bit of a sealed load."""
        with (self.folder / "sealed.data").open("r+b") as data:
            data.seek(slot * 262_144 + at)
            byte = data.read(1)
            data.seek(slot * 262_144 + at)
            data.write(bytes([byte[0] ^ 1]))

    def job(self, target=EASIEST, parameters=PARAMETERS, epoch=1, opening=OPENING):
        """What the mine would take now, were its target this."""
        length = self.flow.tree.length
        digest = keccak256(b"context of epoch", bytes([epoch]))
        context = Context(epoch, 100 * epoch, self.flow.tree.root, length, keccak256(b"block"), digest)
        within = self.holding.range(length)
        task = Task(self.miner_id, subtask_digest(context, OPENING), within)
        blocks = window(context, self.miner_id, parameters)
        return Job(context, task, target, bound_of(target, within, length), parameters, blocks, opening)

    def surroundings(self, job):
        """What the mine knows when it gets an answer of `job` in the first block of its window."""
        return Surroundings(
            job.parameters,
            job.context,
            job.blocks.start,
            lambda _: OPENING,
            job.target,
            self.ranges_told,
            {self.miner_id},
        )
