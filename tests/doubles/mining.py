"""A flow with its market, mine and reward in boa, data in it, and miners that work with the readable protocol."""

from dataclasses import dataclass, replace

import boa

from offchain.protocol.epochs import Context, SealedRange
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import levels, sector_hashes
from offchain.protocol.pora import PoraAnswer, SealedUnit, Surroundings, subtask_digest, window
from offchain.protocol.recall import (
    LOAD_UNITS,
    RecallRange,
    Task,
    bound_of,
    mix,
    passes_gate,
    quality,
    recall,
    second_quality,
)
from offchain.protocol.sealing import UNIT_BYTES, UNIT_SECTORS, seal, sealing_context
from offchain.protocol.sectors import SECTOR_BYTES
from offchain.protocol.shards import Shard
from tests.doubles.blocks import block_hash, mine
from tests.doubles.files import File
from tests.doubles.flow import BLOCKS_PER_EPOCH, PARAMETERS, actors, deploy_flow

WHOLE = Shard()


@dataclass(frozen=True)
class Miner:
    """A miner id and who owns it."""

    id: bytes
    owner: str


class Network:
    """Contracts, what was stored, and the chain's side of every proof."""

    def __init__(self, parameters=PARAMETERS, difficulty=1, fixed=False):
        self.parameters = parameters
        self.flow = deploy_flow(parameters=parameters, difficulty=difficulty, fixed=fixed)
        self.mine, self.reward, self.governor = self.flow.mine, self.flow.reward, self.flow.governor
        self.payer = actors("payer").payer
        self.sectors = bytearray(SECTOR_BYTES)
        self._levels, self._known = [], 0

    def store(self, size, seed=0):
        """Submit a file of random bytes; returns its first sector."""
        file = File.random(size, seed)
        [placed] = self.flow.submit([file.tree.submission()], self.payer)
        self.sectors += bytes(placed.start * SECTOR_BYTES - len(self.sectors)) + file.data
        self.sectors += bytes((placed.start + placed.sectors) * SECTOR_BYTES - len(self.sectors))
        return placed.start

    def next_epoch(self):
        """Let the next epoch begin and open it."""
        since = (boa.env.evm.patch.block_number - self.flow.flow.firstBlock()) % BLOCKS_PER_EPOCH
        mine(BLOCKS_PER_EPOCH - since + 1)
        self.flow.flow.makeContext()

    def enter_window(self, miner):
        """Let blocks pass until `miner` may prove, if need be in a later epoch."""
        while True:
            blocks = window(self.context(), miner.id, self.parameters)
            if boa.env.evm.patch.block_number < blocks.stop - 5:
                mine(max(blocks.start - boa.env.evm.patch.block_number, 0))
                return
            self.next_epoch()

    def register(self, name, seed=0):
        """A new miner id."""
        owner = boa.env.generate_address(name)
        boa.env.set_balance(owner, 10**20)
        self.mine.requestMinerId(owner, seed, sender=owner)
        [made] = [log for log in self.mine.get_logs() if type(log).__name__ == "NewMinerId"]
        return Miner(made.minerId, owner)

    def context(self):
        """The newest context."""
        return Context(*self.flow.flow.getContext())

    def ranges(self):
        """What each context seals."""
        found = [self.flow.flow.getEpochRangeHistory(i) for i in range(self.flow.flow.numEpochRanges())]
        return [SealedRange(each.start, each.end, each.digest, 0) for each in found]

    def unit(self, miner, position):
        """The unit at sector `position` as `miner` keeps and proves it."""
        data = bytes(self.sectors[position * SECTOR_BYTES : position * SECTOR_BYTES + UNIT_BYTES])
        digest = sealing_context(self.ranges(), position)
        return SealedUnit(digest, seal(data, miner.id, digest, position), self._siblings(position))

    def task(self, miner, shard=WHOLE):
        """What `miner` works on now."""
        context = self.context()
        start = window(context, miner.id, self.parameters).start - 1
        return Task(
            miner.id,
            subtask_digest(context, block_hash(start)),
            RecallRange.widest(context.flow_length, shard),
        )

    def solve(self, miner, shard=WHOLE, target=None, nonce=0):
        """An answer that the mine accepts, by trying nonces from `nonce` on."""
        target = self.mine.computeWorkerContext(miner.id)[1] if target is None else target
        task, context = self.task(miner, shard), self.context()
        bound = bound_of(target, task.range, context.flow_length)
        while True:
            nonce += 1
            recalled = recall(task, nonce.to_bytes(32, "big"))
            if not recalled.position:
                continue  # beyond the range, or the load whose first unit holds no sectors
            answer = self._answer(miner, task, recalled, bound)
            if answer:
                return answer

    def surroundings(self, target, **changes):
        """What `offchain.protocol.pora.verify` needs to judge as the mine does now."""
        known = Surroundings(
            self.parameters, self.context(), boa.env.evm.patch.block_number, block_hash, target, self.ranges(), ()
        )
        return replace(known, **changes)

    def submit(self, answer, **options):
        """Submit to the mine."""
        if answer.second is None:
            return self.mine.submit(encode(answer), **options)
        return self.mine.submitTwoHops(encode(answer), encode_second(answer.second), **options)

    def _answer(self, miner, task, recalled, bound):
        for number in range(LOAD_UNITS):
            position = recalled.position + UNIT_SECTORS * number
            unit, second = self.unit(miner, position), None
            found = quality(number, recalled.seed, mix(unit.data, recalled.pad, number))
            if self.parameters.two_hops:
                if not passes_gate(found):
                    continue
                second = self.unit(miner, task.range.second_position(found))
                found = second_quality(found, second.data)
            if int.from_bytes(found, "big") <= bound:
                digest = self.context().digest
                return PoraAnswer(digest, recalled.nonce, miner.id, task.range, position, number, unit, second)
        return None

    def _siblings(self, position):
        tree = self._tree()
        index, found = position // UNIT_SECTORS, []
        for level in tree[4:-1]:
            found.append(level[index ^ 1])
            index //= 2
        return tuple(found)

    def _tree(self):
        if self._known != len(self.sectors):
            count = 1 << (len(self.sectors) // SECTOR_BYTES - 1).bit_length()
            hashes = sector_hashes(bytes(self.sectors), count)
            hashes[0] = bytes(32)
            self._levels, self._known = levels(hashes), len(self.sectors)
            assert self._levels[-1][0] == self.context().flow_root
        return self._levels


def encode(answer):
    """The tuple that the ABI wants."""
    within = answer.range
    return (
        answer.context_digest,
        answer.nonce,
        answer.miner_id,
        (within.start, within.length, within.shard_id, within.shard_mask),
        answer.recall_position,
        answer.seal_offset,
        *encode_second(answer.unit),
    )


def encode_second(unit):
    """Context, words and siblings of a unit."""
    words = [unit.data[at : at + 32] for at in range(0, UNIT_BYTES, 32)]
    return unit.context_digest, words, list(unit.proof)


def block_hashes_are(hashes):
    """Let the chain tell these hashes of past blocks, by number."""
    number = boa.env.evm.patch.block_number
    unknown = keccak256(b"another block")
    boa.env.evm.patch.prev_hashes = [hashes.get(number - back, unknown) for back in range(1, min(256, number) + 1)]
