"""A flow that is mined: its sectors and their tree, sealed loads, and answers with their proofs."""

from functools import cache, cached_property

import numpy as np

from offchain.fast import merkle
from offchain.protocol.epochs import Context, SealedRange
from offchain.protocol.flow import GENESIS_LEAF
from offchain.protocol.pora import Parameters, PoraAnswer, SealedUnit, Surroundings
from offchain.protocol.recall import LOAD_UNITS, RecallRange
from offchain.protocol.sealing import UNIT_BYTES, UNIT_HEIGHT, UNIT_SECTORS, seal, sealing_context
from offchain.protocol.sectors import SECTOR_BYTES
from tests.doubles.files import vector_bytes
from tests.offchain.protocol.vectors import VECTORS, unhex

PORA = VECTORS["pora"]
EASIEST = (1 << 256) - 1


class MinedFlow:
    """Sectors [0, length) under a root, sealed by `miner_id` with the contexts of `ranges`."""

    def __init__(self, length, files, ranges, miner_id):
        """`files` are pairs of first sector and bytes."""
        self.length, self.ranges, self.miner_id = length, ranges, miner_id
        self._data = np.zeros(length * SECTOR_BYTES, np.uint8)
        for start, data in files:
            self._data[start * SECTOR_BYTES : start * SECTOR_BYTES + len(data)] = np.frombuffer(data, np.uint8)

    @cached_property
    def _rows(self):
        hashes = merkle.sector_hashes(self._data, 1 << (self.length - 1).bit_length()).array.copy()
        hashes[: len(GENESIS_LEAF)] = np.frombuffer(GENESIS_LEAF, np.uint8)
        return merkle.levels(merkle.HashRow(hashes))

    @property
    def root(self):
        return self._rows[-1][0]

    def raw(self, position):
        """The unit at sector `position` as clients know it."""
        start = position * SECTOR_BYTES
        return self._data[start : start + UNIT_BYTES].tobytes().ljust(UNIT_BYTES, b"\0")

    def sealed(self, position):
        return seal(self.raw(position), self.miner_id, sealing_context(self.ranges, position), position)

    def load(self, position):
        """The sealed load at sector `position`."""
        return b"".join(self.sealed(position + number * UNIT_SECTORS) for number in range(LOAD_UNITS))

    def unit(self, position):
        """The sealed unit at sector `position` with its proof."""
        proof, index = [], position // UNIT_SECTORS
        for row in self._rows[UNIT_HEIGHT:-1]:
            proof.append(row[index ^ 1])
            index //= 2
        return SealedUnit(sealing_context(self.ranges, position), self.sealed(position), tuple(proof))

    def answer(self, task, context, nonce, load_position, number):
        """What a miner submits for unit `number` of the load that `nonce` recalled."""
        position = load_position + number * UNIT_SECTORS
        return PoraAnswer(context.digest, nonce, self.miner_id, task.range, position, number, self.unit(position))


@cache
def published_flow():
    """The flow of the vectors, with the miner of the accepted answer."""
    files = [(each["startPos"], vector_bytes(each["fileSize"])) for each in VECTORS["flow"]["submissions"]]
    ranges = [
        SealedRange(each["start"], each["end"], unhex(each["digest"]), epoch)
        for epoch, each in enumerate(PORA["epochRanges"], 1)
    ]
    return MinedFlow(PORA["flowLength"], files, ranges, unhex(PORA["minerId"]))


PUBLISHED_CONTEXT = Context(
    PORA["epoch"],
    PORA["mineStart"],
    unhex(PORA["flowRoot"]),
    PORA["flowLength"],
    unhex(PORA["blockDigest"]),
    unhex(PORA["contextDigest"]),
)


def published_range():
    given = PORA["range"]
    return RecallRange(given["startPosition"], given["mineLength"], given["shardId"], given["shardMask"])


def published_answer():
    """The answer that the public contracts accepted."""
    flow = published_flow()
    unit = SealedUnit(
        unhex(PORA["sealedContextDigest"]), flow.sealed(PORA["recallPosition"]), tuple(map(unhex, PORA["merkleProof"]))
    )
    nonce, position, offset = unhex(PORA["nonce"]), PORA["recallPosition"], PORA["sealOffset"]
    return PoraAnswer(PUBLISHED_CONTEXT.digest, nonce, flow.miner_id, published_range(), position, offset, unit)


def surroundings(flow=None, context=PUBLISHED_CONTEXT, **changes):
    """Surroundings in which the published answer is valid, with `changes` to them or to their parameters."""
    flow = flow or published_flow()
    parameters = {"subtasks": 1, "interval": 100, "mine_blocks": 100, "max_shards": 1, "wanted": 10}
    parameters |= {key: changes.pop(key) for key in list(changes) if key in Parameters.__dataclass_fields__}
    given = {
        "context": context,
        "block": context.mine_start + 1,
        "block_hash": lambda block: unhex(PORA["subtaskBlockHash"]),
        "target": EASIEST,
        "ranges": flow.ranges,
        "miners": {flow.miner_id},
    }
    return Surroundings(Parameters(**parameters), **{**given, **changes})
