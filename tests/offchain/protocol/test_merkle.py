import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid, InvalidProof
from offchain.protocol import merkle
from offchain.protocol.keccak import keccak256
from offchain.protocol.merkle import EMPTY_SECTOR_HASH, MAX_HEIGHT, ZERO_ROOTS, Proof
from tests.offchain.protocol.vectors import VECTORS, proof_of, size_of, unhex

counts = st.integers(1, 70)


def leaves_of(count):
    return [keccak256(b"leaf", at.to_bytes(4, "big")) for at in range(count)]


def split_root(hashes):
    """First principles: the left subtree holds the largest power of two below the number of items."""
    if len(hashes) == 1:
        return hashes[0]
    left = 1
    while left * 2 < len(hashes):
        left *= 2
    return keccak256(split_root(hashes[:left]), split_root(hashes[left:]))


def flipped(digest, bit):
    return (int.from_bytes(digest, "big") ^ 1 << bit).to_bytes(32, "big")


@given(counts)
def test_tree_root__any_count__splits_at_the_largest_power_of_two(count):
    assert merkle.tree_root(leaves_of(count)) == split_root(leaves_of(count))


def test_levels__odd_count__carries_the_last_item_up():
    one, two, three = leaves_of(3)
    assert merkle.levels([one, two, three]) == [
        [one, two, three],
        [keccak256(one, two), three],
        [keccak256(keccak256(one, two), three)],
    ]


def test_tree_root__no_items__is_refused():
    with pytest.raises(Invalid, match="^a tree needs at least one item$"):
        merkle.tree_root([])


def test_zero_roots__published__reproduced():
    for vector in VECTORS["zeroSubtreeRoots"]:
        assert ZERO_ROOTS[vector["height"]] == unhex(vector["root"])


def test_zero_roots__each_height__is_a_tree_of_empty_sectors():
    assert len(ZERO_ROOTS) == MAX_HEIGHT + 1
    for height in range(8):
        assert ZERO_ROOTS[height] == merkle.tree_root([EMPTY_SECTOR_HASH] * (1 << height))


def test_sector_hashes__short_last_sector_and_room_left__are_filled_with_zeros():
    data = b"a" * 256 + b"b"
    assert merkle.sector_hashes(data, 4) == [
        keccak256(b"a" * 256),
        keccak256(b"b" + bytes(255)),
        EMPTY_SECTOR_HASH,
        EMPTY_SECTOR_HASH,
    ]


def test_sector_hashes__no_data__are_empty_sectors():
    assert merkle.sector_hashes(b"", 2) == [EMPTY_SECTOR_HASH] * 2


def test_sector_hashes__more_data_than_room__is_refused():
    with pytest.raises(Invalid, match="^3 sectors do not fit into 2$"):
        merkle.sector_hashes(bytes(513), 2)


def test_segment_root__data_and_padding__is_the_tree_of_their_sectors():
    data = bytes(range(256)) * 3
    assert merkle.segment_root(data, 5) == split_root(merkle.sector_hashes(data, 5))


@pytest.mark.parametrize("vector", VECTORS["files"], ids=size_of)
def test_verify__published_proofs__hold(vector):
    for index, proof in vector["segmentProofs"].items():
        item = unhex(proof["lemma"][0])
        merkle.verify(proof_of(proof), item, unhex(vector["root"]), int(index), vector["numSegmentsPadded"])


@given(st.data(), counts)
def test_prove__any_item__is_verified_at_its_place(data, count):
    index = data.draw(st.integers(0, count - 1))
    hashes = leaves_of(count)
    proof, root = merkle.prove(hashes, index), merkle.tree_root(hashes)
    merkle.verify(proof, hashes[index], root, index, count)
    assert proof.path == merkle.expected_path(index, count)
    assert merkle.fold(hashes[index], proof.siblings, proof.path) == root


@given(st.data(), st.integers(2, 40))
def test_verify__any_other_place__is_refused_unless_it_has_the_same_path(data, count):
    index = data.draw(st.integers(0, count - 1))
    hashes = leaves_of(count)
    proof, root = merkle.prove(hashes, index), merkle.tree_root(hashes)
    for other_count in range(1, 45):
        for other in range(other_count):
            if merkle.expected_path(other, other_count) == proof.path:
                merkle.verify(proof, hashes[index], root, other, other_count)
                assert other_count != count or other == index
            else:
                with pytest.raises(InvalidProof, match="has not the shape of item"):
                    merkle.verify(proof, hashes[index], root, other, other_count)


@given(st.data(), st.integers(2, 40))
def test_verify__any_flipped_bit__is_refused(data, count):
    index = data.draw(st.integers(0, count - 1))
    hashes = leaves_of(count)
    proof, root = merkle.prove(hashes, index), merkle.tree_root(hashes)
    at, bit = data.draw(st.integers(0, len(proof.lemma) - 1)), data.draw(st.integers(0, 255))
    lemma = [*proof.lemma]
    lemma[at] = flipped(lemma[at], bit)
    with pytest.raises(InvalidProof):
        merkle.verify(Proof(tuple(lemma), proof.path), hashes[index], root, index, count)
    with pytest.raises(InvalidProof):
        merkle.verify(proof, flipped(hashes[index], bit), root, index, count)
    with pytest.raises(InvalidProof):
        merkle.verify(proof, hashes[index], flipped(root, bit), index, count)


@given(st.data(), st.integers(3, 40))
def test_verify__swapped_siblings__are_refused(data, count):
    index = data.draw(st.integers(0, count - 1))
    hashes = leaves_of(count)
    proof = merkle.prove(hashes, index)
    if len(proof.siblings) < 2:
        return
    at = data.draw(st.integers(1, len(proof.siblings) - 1))
    lemma = [*proof.lemma]
    lemma[at], lemma[at + 1] = lemma[at + 1], lemma[at]
    with pytest.raises(InvalidProof, match="^the proof does not lead to its root$"):
        merkle.verify(Proof(tuple(lemma), proof.path), hashes[index], merkle.tree_root(hashes), index, count)


@given(st.data(), st.integers(2, 40))
def test_verify__turned_path__is_refused(data, count):
    index = data.draw(st.integers(0, count - 1))
    hashes = leaves_of(count)
    proof = merkle.prove(hashes, index)
    at = data.draw(st.integers(0, len(proof.path) - 1))
    path = tuple(side is not (place == at) for place, side in enumerate(proof.path))
    assert path != proof.path
    with pytest.raises(InvalidProof, match="has not the shape"):
        merkle.verify(Proof(proof.lemma, path), hashes[index], merkle.tree_root(hashes), index, count)


@pytest.mark.parametrize("lemma", [(), (bytes(32), bytes(32)), (bytes(32),) * 3])
def test_verify__single_item_with_a_long_or_empty_lemma__is_refused(lemma):
    with pytest.raises(InvalidProof, match="^the proof has not the shape of item 0 among 1$"):
        merkle.verify(Proof(lemma, ()), bytes(32), bytes(32), 0, 1)


def test_verify__each_lie__is_named():
    hashes = leaves_of(4)
    proof, root = merkle.prove(hashes, 1), merkle.tree_root(hashes)
    with pytest.raises(InvalidProof, match="^the proof speaks of another item$"):
        merkle.verify(proof, hashes[2], root, 1, 4)
    with pytest.raises(InvalidProof, match="^the proof leads to another root$"):
        merkle.verify(proof, hashes[1], bytes(32), 1, 4)


def test_prove__single_item__is_its_own_root():
    assert merkle.prove([bytes(32)], 0) == Proof((bytes(32),), ())
    assert Proof((bytes(32),), ()).siblings == ()


@pytest.mark.parametrize("index", [-1, 4])
@pytest.mark.parametrize("ask", [lambda index: merkle.prove(leaves_of(4), index), lambda i: merkle.expected_path(i, 4)])
def test_prove__no_such_item__is_refused(ask, index):
    with pytest.raises(Invalid, match=f"^no item {index} among 4$"):
        ask(index)


def test_fold__siblings_and_path_of_different_length__is_an_error():
    with pytest.raises(ValueError):
        merkle.fold(bytes(32), [bytes(32)], [])
