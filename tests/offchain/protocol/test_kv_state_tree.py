from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InvalidProof
from offchain.protocol.keccak import keccak256
from offchain.protocol.kv.rights import Right, Role
from offchain.protocol.kv.state_tree import (
    EMPTY,
    Leaf,
    Proof,
    bit,
    entry_leaf,
    entry_path,
    inner,
    prove,
    right_leaf,
    root,
    state_root,
    verify,
)
from tests.doubles.streams import stream_id
from tests.offchain.protocol.kv_vectors import KV_VECTORS
from tests.offchain.protocol.vectors import unhex

S = stream_id(1)
VECTOR = KV_VECTORS["stateTree"]

paths = st.integers(0, 15).map(lambda number: bytes([number << 4]) + bytes(31)) | st.binary(min_size=32, max_size=32)
leaves = st.builds(Leaf, paths, st.integers(0, 9), st.binary(min_size=32, max_size=32))
trees = st.lists(leaves, max_size=12).map(lambda some: {leaf.path: leaf for leaf in some})


def leaf_of(step):
    """The leaf that a step of the vector sets."""
    told, version = step["set"], step["version"]
    if "value" in told:
        return entry_leaf(S, unhex(told["key"]), version, unhex(told["value"]))
    return right_leaf(Right(S, Role(told["role"]), unhex(told["key"]), unhex(told["account"])), version, told["holds"])


def vector_tree():
    return {leaf.path: leaf for leaf in map(leaf_of, VECTOR["steps"])}


def path(first, rest=0):
    return bytes([first]) + bytes([rest]) * 31


def test_root__each_step_of_the_vector__is_as_published():
    tree = {}
    for step in VECTOR["steps"]:
        leaf = leaf_of(step)
        assert (leaf.path, leaf.digest, leaf.hash) == tuple(unhex(step[name]) for name in ("path", "digest", "leaf"))
        tree[leaf.path] = leaf
        assert root(tree) == unhex(step["root"])
    assert state_root({S: root(tree), stream_id(2): EMPTY}) == unhex(VECTOR["stateRoot"])


@pytest.mark.parametrize("vector", VECTOR["proofs"], ids=lambda vector: vector["key"])
def test_prove__vector__has_these_siblings_and_verifies(vector):
    tree, key = vector_tree(), unhex(vector["key"])
    proof = prove(tree, entry_path(S, key))
    other = vector["other"] and Leaf(
        *(unhex(vector["other"]["path"]), vector["other"]["version"], unhex(vector["other"]["digest"]))
    )
    assert proof == Proof(tuple(map(unhex, vector["siblings"])), other)
    value = vector["value"]
    leaf = None if value is None else entry_leaf(S, key, vector["version"], unhex(value))
    verify(proof, entry_path(S, key), leaf, root(tree))


def test_vector__proofs__cover_all_four_shapes():
    shapes = {
        (proof["value"] is None, bool(proof["other"]), bytes(32).hex() in str(proof)) for proof in VECTOR["proofs"]
    }
    assert shapes == {(False, False, False), (False, False, True), (True, False, False), (True, True, False)}


def test_root__no_leaf__is_zero_and_one_leaf__is_that_leaf():
    leaf = Leaf(path(0x80), 1, keccak256(b"v"))
    assert root({}) == EMPTY
    assert root({leaf.path: leaf}) == leaf.hash


def test_root__two_leaves__hang_where_their_paths_part():
    left, right = Leaf(path(0b0001_0000), 1, EMPTY), Leaf(path(0b0001_1000), 2, EMPTY)
    node = inner(left.hash, right.hash)
    for depth in (3, 2, 1, 0):
        assert bit(left.path, depth) == (depth == 3)
        node = inner(EMPTY, node) if depth == 3 else inner(node, EMPTY)
    assert root({each.path: each for each in (left, right)}) == node


@given(trees)
def test_root__does_not_depend_on_the_order_of_leaves(tree):
    assert root(dict(reversed(tree.items()))) == root(tree)


@given(trees, paths)
def test_verify__proof_of_any_path__holds_for_what_stands_there_and_nothing_else(tree, wanted):
    proof, top = prove(tree, wanted), root(tree)
    verify(proof, wanted, tree.get(wanted), top)
    false = Leaf(wanted, 10, EMPTY) if wanted not in tree else None
    for claim in (false, Leaf(wanted, 11, EMPTY)):
        with pytest.raises(InvalidProof):
            verify(proof, wanted, claim, top)


@given(trees, paths, st.data())
def test_verify__proof_with_a_changed_sibling__is_refused(tree, wanted, data):
    proof = prove(tree, wanted)
    if proof.siblings:
        at = data.draw(st.integers(0, len(proof.siblings) - 1))
        changed = list(proof.siblings)
        changed[at] = keccak256(changed[at])
        with pytest.raises(InvalidProof, match="does not lead to the state's root$"):
            verify(replace(proof, siblings=tuple(changed)), wanted, tree.get(wanted), root(tree))


def test_verify__absence_shown_by_a_leaf_of_another_subtree__is_refused():
    tree = {each.path: each for each in (Leaf(path(0x00), 1, EMPTY), Leaf(path(0x80), 1, EMPTY))}
    here, there = tree.values()
    proof = Proof((there.hash,), here)
    verify(proof, path(0x40), None, root(tree))
    with pytest.raises(InvalidProof, match="^the leaf in the proof does not show that the path is empty$"):
        verify(proof, path(0xC0), None, root(tree))
    with pytest.raises(InvalidProof, match="does not show that the path is empty$"):
        verify(proof, here.path, None, root(tree))


def test_verify__presence_with_another_leaf_in_the_proof__is_refused():
    leaf = Leaf(path(1), 1, EMPTY)
    for proof, claimed in ((Proof((), Leaf(path(2), 1, EMPTY)), leaf), (Proof(()), replace(leaf, path=path(3)))):
        with pytest.raises(InvalidProof, match="^the proof is about another path$"):
            verify(proof, leaf.path, claimed, leaf.hash)


@pytest.mark.parametrize("siblings", [(EMPTY,) * 257, (b"",), (EMPTY + b"\0",), (EMPTY[1:],)])
def test_verify__proof_of_no_possible_shape__is_refused(siblings):
    with pytest.raises(InvalidProof, match="^a proof has at most 256 siblings of 32 bytes$"):
        verify(Proof(siblings), path(1), None, EMPTY)


def test_verify__other_leaf_with_a_path_of_another_length__is_refused():
    with pytest.raises(InvalidProof):
        verify(Proof((), Leaf(b"", 1, EMPTY)), path(1), None, Leaf(b"", 1, EMPTY).hash)


def test_paths__of_a_key_and_of_rights__never_meet():
    rights = [Right(S, Role.ADMIN), Right(S, Role.WRITER), Right(S, Role.ADMIN, account=b"\1" * 20)]
    rights += [Right(S, Role.SPECIAL_KEY, b"k"), Right(S, Role.SPECIAL_WRITER, b"k"), Right(stream_id(2), Role.ADMIN)]
    found = {right_leaf(right, 0, True).path for right in rights} | {
        entry_path(S, b"k"),
        entry_path(stream_id(2), b"k"),
    }
    found |= {entry_path(S, S + b"k"), entry_path(S, bytes([Role.ADMIN]) + bytes(20))}
    assert len(found) == len(rights) + 4
