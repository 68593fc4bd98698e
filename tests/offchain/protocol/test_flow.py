from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.errors import Invalid, InvalidSubmission
from offchain.protocol import merkle
from offchain.protocol.flow import GENESIS_LEAF, MAX_LENGTH, FlowTree, Placed, align, place, prove_sector, subtree_root
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import EMPTY_SECTOR_HASH, ZERO_ROOTS
from offchain.protocol.sectors import SECTOR_BYTES, SEGMENT_SECTORS, node_heights, padded_sector_count
from offchain.protocol.submission import Node, Submission
from tests.offchain.protocol.vectors import VECTORS, unhex

sector_counts = st.one_of(st.integers(1, 40), st.integers(1, 3000)).map(
    lambda sectors: padded_sector_count(sectors * SECTOR_BYTES)
)
counts = st.lists(sector_counts, max_size=8)


class Leaves:
    """The flow from first principles: a hash for each sector that a submission wrote, and where the next one goes."""

    def __init__(self):
        self.leaves = {0: GENESIS_LEAF}
        self.length = 1
        self._roots = {}

    def append(self, sectors, seed):
        """Nodes of a submission with made-up sectors, placed by the words of the specification."""
        heights = node_heights(sectors)
        start = self._up(self.length, 1 << heights[0])
        if start % 1024 and start // 1024 != (start + sectors - 1) // 1024:
            start = self._up(self._up(start, 1024), 1 << heights[0])
        self.length, nodes, at = start + sectors, [], start
        for sector in range(start, start + sectors):
            self.leaves[sector] = keccak256(b"%d/%d" % (seed, sector))
        self._roots.clear()
        for height in heights:
            nodes.append(Node(self.subtree(height, at >> height), height))
            at += 1 << height
        return start, tuple(nodes)

    def _up(self, position, granule):
        while position % granule:
            position += 1
        return position

    def subtree(self, height, index):
        """Root of the complete tree over 2^height sectors."""
        if height == 0:
            return self.leaves.get(index, EMPTY_SECTOR_HASH)
        if index << height >= self.length:
            return ZERO_ROOTS[height]
        if (height, index) not in self._roots:
            left, right = self.subtree(height - 1, 2 * index), self.subtree(height - 1, 2 * index + 1)
            self._roots[height, index] = keccak256(left, right)
        return self._roots[height, index]

    @property
    def root(self):
        return self.subtree((self.length - 1).bit_length(), 0)


def cut(model, length):
    """The model as it was at `length` sectors."""
    earlier = Leaves()
    earlier.leaves = {sector: leaf for sector, leaf in model.leaves.items() if sector < length}
    earlier.length = length
    return earlier


def grown(sectors):
    """A tree and its model after submissions of so many sectors each."""
    tree, model, lengths = FlowTree(), Leaves(), [1]
    for seed, count in enumerate(sectors):
        start, nodes = model.append(count, seed)
        tree, found = tree.append(nodes)
        assert found == start
        lengths.append(tree.length)
    return tree, model, lengths


def test_append__ten_published_submissions__reproduced():
    tree = FlowTree()
    assert tree.length == VECTORS["flow"]["initialLength"]
    files = {vector["root"]: vector for vector in VECTORS["files"]}
    for step in VECTORS["flow"]["submissions"]:
        nodes = _nodes(step, files)
        tree, start = tree.append(nodes)
        assert (start, tree.length) == (step["startPos"], step["flowLength"])
        assert tree.root == unhex(step["flowRoot"])
        submission = Submission(step["fileSize"], b"", nodes)
        assert submission.sectors == step["length"]
        assert submission.identity == unhex(step["identity"])
        assert submission.data_root == unhex(step["dataRoot"])


def _nodes(step, files):
    if step["dataRoot"] in files:
        told = files[step["dataRoot"]]["submissionNodes"]
        return tuple(Node(unhex(node["root"]), node["height"]) for node in told)
    from offchain.fast import file_tree
    from tests.doubles.files import vector_bytes

    return file_tree.build(vector_bytes(step["fileSize"])).submission().nodes


def test_append__published_sector_counts__give_the_published_lengths():
    tree = FlowTree()
    published = VECTORS["rootConsistency"]
    for sectors, length in zip(published["sectors"], published["flowLengthAfter"], strict=True):
        nodes = tuple(Node(ZERO_ROOTS[height], height) for height in node_heights(sectors))
        tree, _ = tree.append(nodes)
        assert tree.length == length


@given(counts)
def test_append__random_submissions__place_length_and_root_are_those_of_the_leaves(sectors):
    tree, model = FlowTree(), Leaves()
    assert tree.root == model.root == GENESIS_LEAF
    for seed, count in enumerate(sectors):
        start, nodes = model.append(count, seed)
        tree, found = tree.append(nodes)
        assert (found, tree.length) == (start, model.length)
    assert tree.root == model.root


@given(counts)
def test_grow__random_submissions__tells_every_complete_subtree_that_was_made(sectors):
    tree, model, known = FlowTree(), Leaves(), {(0, 0): GENESIS_LEAF}
    for seed, count in enumerate(sectors):
        _, nodes = model.append(count, seed)
        growth = tree.grow(nodes)
        tree = growth.tree
        for placed in growth.made:
            assert placed == Placed(
                placed.index, Node(model.subtree(placed.node.height, placed.index), placed.node.height)
            )
            known[placed.node.height, placed.index] = placed.node.root
    for peak, height in zip(tree.peaks, node_heights(tree.length), strict=True):
        assert peak.height == height
        assert known[height, (tree.length >> height) - 1] == peak.root


@settings(max_examples=40)
@given(st.data(), st.lists(sector_counts, min_size=1, max_size=5))
def test_prove_sector__any_sector_at_any_length__is_verified_below_the_root_of_then(data, sectors):
    _, model, lengths = grown(sectors)
    length = data.draw(st.sampled_from(lengths))
    sector = data.draw(st.integers(0, length - 1))
    height = data.draw(st.sampled_from([0, 0, 4, 10]))
    root = cut(model, length).root
    proof = prove_sector(model.subtree, length, sector, height)
    top = max((length - 1).bit_length(), height)
    item = cut(model, length).subtree(height, sector >> height)
    whole = merkle.fold(item, proof.siblings, proof.path)
    assert proof.lemma[0] == item
    if height <= (length - 1).bit_length():
        merkle.verify(proof, item, root, sector >> height, 1 << top - height)
        assert whole == root


def test_prove_sector__subtree_as_large_as_the_flow__is_its_own_proof():
    tree, model, _ = grown([1])
    assert prove_sector(model.subtree, 2, 1, height=1) == merkle.Proof((tree.root,), ())
    assert prove_sector(model.subtree, 2, 1, height=4).path == ()


@pytest.mark.parametrize("sector", [-1, 2, 1 << 60])
def test_prove_sector__beyond_the_flow__is_refused(sector):
    with pytest.raises(Invalid, match=f"^sector {sector} is beyond the flow's 2 sectors$"):
        prove_sector(lambda height, index: bytes(32), 2, sector)


def test_subtree_root__only_complete_subtrees_below_the_length__are_asked_for():
    asked = []

    def known(height, index):
        asked.append((index << height, (index + 1) << height))
        return bytes(32)

    subtree_root(known, 13, 5, 0)
    assert asked == [(0, 8), (8, 12), (12, 13)]


@given(st.integers(1, 1 << 47), st.integers(1, 1 << 46).map(lambda size: padded_sector_count(size)))
def test_place__any_length_and_file__is_aligned_and_does_not_straddle_segments(length, sectors):
    granule = 1 << (sectors.bit_length() - 1)
    start = place(length, sectors, sectors.bit_length() - 1)
    assert start >= length
    assert start % granule == 0
    if sectors <= SEGMENT_SECTORS:
        assert start // SEGMENT_SECTORS == (start + sectors - 1) // SEGMENT_SECTORS
    else:
        assert start % SEGMENT_SECTORS == 0
    assert start - length < 2 * max(granule, SEGMENT_SECTORS)


@pytest.mark.parametrize(
    ("length", "sectors", "start"),
    [(1, 1, 1), (1, 2, 2), (1023, 1, 1023), (1024, 1, 1024), (1000, 30, 1024), (1, 1024, 1024), (1025, 1152, 2048)],
)
def test_place__corners__are_where_the_specification_says(length, sectors, start):
    assert place(length, sectors, sectors.bit_length() - 1) == start


@pytest.mark.parametrize(("position", "aligned"), [(0, 0), (1, 8), (8, 8), (9, 16)])
def test_align__any_position__is_the_next_multiple(position, aligned):
    assert align(position, 8) == aligned


def test_append__flow_that_is_full__refuses():
    height = 46
    tree = FlowTree()
    for _ in range(2):
        tree, _ = tree.append((Node(bytes(32), height),))
    assert tree.length == 3 << height
    with pytest.raises(InvalidSubmission, match="^the flow is full$"):
        tree.append((Node(bytes(32), height),))
    small, start = tree.append((Node(bytes(32), 0),))
    assert start == 3 << height
    assert small.length < MAX_LENGTH


def test_append__last_sector__is_taken_and_no_more():
    tree = replace(FlowTree(), length=MAX_LENGTH - 1, peaks=tuple(Node(bytes(32), h) for h in range(47, 0, -1)))
    full, start = tree.append((Node(bytes(32), 0),))
    assert (start, full.length) == (MAX_LENGTH - 1, MAX_LENGTH)
    with pytest.raises(InvalidSubmission, match="^the flow is full$"):
        full.append((Node(bytes(32), 0),))


def test_flow__genesis__is_a_bare_zero_word():
    assert GENESIS_LEAF.hex() == "00" * 32
    assert (FlowTree().length, FlowTree().root) == (1, bytes(32))
