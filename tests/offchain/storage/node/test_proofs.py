from functools import cache

import pytest

from offchain.errors import Invalid, NotFound
from offchain.protocol import merkle
from offchain.protocol.flow import GENESIS_LEAF
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import EMPTY_SECTOR_HASH, ZERO_ROOTS
from offchain.protocol.sectors import SEGMENT_BYTES, padded_sector_count
from tests.doubles.files import File
from tests.doubles.node_parts import NodeParts

FILES = [
    File.random(size, seed)
    for seed, size in enumerate(
        [1, 3584, 257, 49152, SEGMENT_BYTES, SEGMENT_BYTES + 1, 25600, 4 * SEGMENT_BYTES + 3, 16 * SEGMENT_BYTES + 1, 9]
    )
]


class Naive:
    """The flow as sectors and hashes of them, cut at any length."""

    def __init__(self, entries):
        self.sectors = {}
        self.leaves = {0: GENESIS_LEAF}
        for entry, file in zip(entries, FILES, strict=True):
            for at in range(-(-file.size // 256)):
                self.sectors[entry.start + at] = file.sectors(at, 1)
            hashes = merkle.sector_hashes(file.data, padded_sector_count(file.size))
            self.leaves |= {entry.start + at: leaf for at, leaf in enumerate(hashes)}
        self.subtree = cache(self._subtree)

    def _subtree(self, length, height, index):
        if index << height >= length:
            return ZERO_ROOTS[height]
        if height == 0:
            return self.leaves.get(index, EMPTY_SECTOR_HASH)
        return keccak256(self.subtree(length, height - 1, 2 * index), self.subtree(length, height - 1, 2 * index + 1))

    def root(self, length):
        return self.subtree(length, (length - 1).bit_length(), 0)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A node that holds all of `FILES`."""
    node = NodeParts(tmp_path_factory.mktemp("held"))
    node.entries = node.hold(*FILES)
    node.naive = Naive(node.entries)
    yield node
    node.close()


def assert_proven(node, proof, sector, length):
    leaf = node.naive.subtree(length, 0, sector)
    merkle.verify(proof, leaf, node.naive.root(length), sector, 1 << (length - 1).bit_length())


def kinds_of_sectors(node):
    """First, last and middle sectors of every kind: genesis, gaps, data, padding, tails, padding segments."""
    yield 0
    end = 1
    for entry, file in zip(node.entries, FILES, strict=True):
        real, padded = -(-file.size // 256), padded_sector_count(file.size)
        yield from {end, (end + entry.start) // 2, entry.start - 1} & set(range(end, entry.start))
        yield from {entry.start, entry.start + real // 2, entry.start + real - 1}
        yield from {entry.start + real, entry.start + (real + padded) // 2, entry.start + padded - 1} - {end}
        end = entry.start + padded


def test_context__nothing_submitted__is_the_genesis(node):
    assert node.proofs.context() == (GENESIS_LEAF, 1)
    assert node.proofs.sector(0, None) == merkle.Proof((GENESIS_LEAF,), ())


def test_context__submissions__is_root_and_length_of_the_flow(held):
    length = held.flow.tree.length
    assert held.proofs.context() == (held.naive.root(length), length)


def test_sector__every_kind_of_sector__is_proven_below_the_present_root(held):
    length = held.flow.tree.length
    for sector in kinds_of_sectors(held):
        if sector < length:
            assert_proven(held, held.proofs.sector(sector, None), sector, length)


def test_sector__all_sectors_of_the_first_segments__are_proven(held):
    length = held.flow.tree.length
    for sector in range(0, 2400, 29):
        assert_proven(held, held.proofs.sector(sector, None), sector, length)


def test_sector__any_root_that_the_flow_had__is_proven_below_it(held):
    for entry in held.entries:
        for sector in {0, 1, entry.start - 1, entry.start, entry.length - 1}:
            assert_proven(held, held.proofs.sector(sector, entry.flow_root), sector, entry.length)


def test_sector__beyond_the_end_of_then__is_refused(held):
    for root, length in [(None, held.flow.tree.length), (held.entries[0].flow_root, 2)]:
        with pytest.raises(Invalid, match=f"^sector {length} is beyond the flow's {length} sectors$"):
            held.proofs.sector(length, root)


@pytest.mark.parametrize("sector", [1 << 62, (1 << 64) - 1])
def test_sector__number_no_flow_reaches__is_refused(held, sector):
    with pytest.raises(Invalid, match="is beyond the flow's"):
        held.proofs.sector(sector, None)


def test_sector__root_that_never_was__is_not_found(held):
    with pytest.raises(NotFound, match="^the flow never had this root$"):
        held.proofs.sector(0, b"\xff" * 32)


def test_segment_hash__every_segment_of_the_flow__is_its_subtree(held):
    length = held.flow.tree.length
    for index in range(-(-length // 1024)):
        assert held.proofs.segment_hash(index) == held.naive.subtree(length, 10, index)
    for index in (-(-length // 1024), 1 << 53, (1 << 64) - 1):
        assert held.proofs.segment_hash(index) is None


def test_segment_sectors__every_segment_of_the_flow__is_its_bytes(held):
    length = held.flow.tree.length
    for index in range(-(-length // 1024)):
        wanted = range(index * 1024, min((index + 1) * 1024, length))
        assert held.proofs.segment_sectors(index) == [held.naive.sectors.get(at, bytes(256)) for at in wanted]
    for index in (-(-length // 1024), 1 << 53, (1 << 64) - 1):
        assert held.proofs.segment_sectors(index) is None


def test_describe__segment__names_its_submissions_in_order(held):
    told = held.proofs.describe(0)
    assert told.split("; ") == [
        f"seq {entry.seq}: sectors {entry.start} to {entry.length - 1}, finalized" for entry in held.entries[:4]
    ]
    inside = held.entries[8].start // 1024 + 3
    assert held.proofs.describe(inside).startswith("seq 8: sectors ")
    assert held.proofs.describe(-(-held.flow.tree.length // 1024)) is None


def test_describe__gap_and_incomplete_file__are_told(node):
    assert node.proofs.describe(0) == ""
    node.submit(FILES[5])
    assert node.proofs.describe(0) == ""
    assert node.proofs.describe(1) == node.proofs.describe(2) == "seq 0: sectors 1024 to 2175, incomplete"


def test_sector__data_that_is_not_here__is_missed_only_by_what_lies_in_it(node):
    here, elsewhere = FILES[5], FILES[7]
    (held_entry,) = node.hold(here)
    (lacking,) = node.submit(elsewhere)
    length = node.flow.tree.length
    for sector in (0, 5, held_entry.start, held_entry.length - 1):
        proof = node.proofs.sector(sector, None)
        merkle.verify(proof, proof.lemma[0], node.flow.tree.root, sector, 1 << (length - 1).bit_length())
    with pytest.raises(NotFound):
        node.proofs.sector(lacking.start, None)
    index = lacking.start // 1024
    assert (node.proofs.segment_hash(index), node.proofs.segment_sectors(index)) == (None, None)


def test_sector__after_a_reorganisation__is_proven_below_the_new_root(node):
    node.hold(FILES[1])
    node.hold(FILES[3])
    node.roll_back(1)
    node.hold(FILES[5])
    root, length = node.proofs.context()
    assert (root, length) == (node.flow.tree.root, node.flow.tree.length)
    for sector in (0, 8, 2048, length - 1):
        proof = node.proofs.sector(sector, None)
        merkle.verify(proof, proof.lemma[0], root, sector, 1 << (length - 1).bit_length())
