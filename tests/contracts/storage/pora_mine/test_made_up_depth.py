"""The root of a file is what its submitter says. One of one sector that hides a deep tree proves nothing of others.

Without a check of depth, a path through the tree behind sector 1 would end at the flow's root for every unit in an
octave of the flow, whoever's data lies there.
"""

from dataclasses import replace

import boa
import pytest

from offchain.errors import Invalid
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import levels, sector_hashes
from offchain.protocol.pora import PoraAnswer, SealedUnit, verify
from offchain.protocol.recall import mix, passes_gate, quality, recall
from offchain.protocol.sealing import UNIT_BYTES, UNIT_SECTORS, seal, sealing_context, unit_root
from offchain.protocol.sectors import SECTOR_BYTES
from offchain.protocol.submission import Node, Submission
from tests.doubles.flow import PARAMETERS
from tests.doubles.mining import Network

EASIEST = (1 << 256) - 1
HIDDEN = 9  # levels of the made-up tree: it stands for units 512 to 1,023
ZEROS = bytes(UNIT_BYTES)
VICTIM = range(1 << HIDDEN, 2 << HIDDEN)


class Thief:
    """Has one sector, knows the public hashes of everybody else's and none of their data."""

    def __init__(self, two_hops):
        self.network = Network(replace(PARAMETERS, two_hops=two_hops))
        self.hidden = [unit_root(ZEROS)]
        for _ in range(HIDDEN):
            self.hidden.append(keccak256(self.hidden[-1], self.hidden[-1]))
        forged = Submission(1, b"", (Node(self.hidden[-1], 0),))
        [placed] = self.network.flow.submit([forged], self.network.payer)
        assert placed.start == 1
        self.network.sectors += bytes(SECTOR_BYTES)
        self.network.store(4 << 20)
        self.network.next_epoch()
        self.miner = self.network.register("thief")
        self.network.enter_window(self.miner)
        self.outside = self._path_of_sector_1()

    def _path_of_sector_1(self):
        sectors = bytes(self.network.sectors)
        hashes = list(sector_hashes(sectors, 1 << (len(sectors) // SECTOR_BYTES - 1).bit_length()))
        hashes[:2] = bytes(32), self.hidden[-1]
        tree = levels(hashes)
        assert tree[-1][0] == self.network.context().flow_root
        return [tree[0][0], *(level[1] for level in tree[1:-1])]

    def unit(self, position):
        """Zeros in the place of somebody's data, and a path to the flow's root."""
        digest = sealing_context(self.network.ranges(), position)
        return SealedUnit(digest, seal(ZEROS, self.miner.id, digest, position), (*self.hidden[:-1], *self.outside))

    def answer(self):
        """The first answer whose units all lie where the made-up tree stands for them."""
        task, nonce = self.network.task(self.miner), 0
        while True:
            nonce += 1
            found = recall(task, nonce.to_bytes(32, "big"))
            if found.position and found.position // UNIT_SECTORS in VICTIM and (made := self._made(task, found)):
                return made

    def _made(self, task, found):
        for offset in range(64):
            position = found.position + UNIT_SECTORS * offset
            unit, second = self.unit(position), None
            if self.network.parameters.two_hops:
                first = quality(offset, found.seed, mix(unit.data, found.pad, offset))
                at = task.range.second_position(first) if passes_gate(first) else None
                if at is None or at // UNIT_SECTORS not in VICTIM:
                    continue
                second = self.unit(at)
            context = self.network.context().digest
            return PoraAnswer(context, found.nonce, self.miner.id, task.range, position, offset, unit, second)
        return None


@pytest.mark.parametrize("two_hops", [False, True])
def test_submit__path_through_a_made_up_tree__is_refused(two_hops):
    thief = Thief(two_hops)
    answer = thief.answer()
    with boa.reverts("mine: wrong data"):
        thief.network.submit(answer)
    with pytest.raises(Invalid, match="mine: wrong data"):
        verify(answer, thief.network.surroundings(EASIEST, miners={thief.miner.id}))
