"""Evidence of double signing: accepted on its exact bytes, refused when anything is changed."""

from dataclasses import fields, replace

import pytest
from eth_keys import keys

from offchain.errors import Invalid, InvalidProof
from offchain.protocol.restaking.canonical_vote import sign_bytes
from offchain.protocol.restaking.duplicate_vote import KeyType, digest, fault_id, guilty
from offchain.protocol.secp256k1 import N, recover
from tests.doubles.duplicate_votes import ADDRESS, CHAIN_ID, POSITION, VECTOR, ballot, evidence

KINDS = list(KeyType)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_guilty__worked_vector__is_its_validator(kind):
    for name in "AB":
        signed = sign_bytes(POSITION, ballot(name), CHAIN_ID)
        assert digest(kind, signed).hex() == VECTOR[kind.name][name]["digest"]
    assert guilty(evidence(kind), CHAIN_ID, kind) == ADDRESS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_guilty__other_chain_or_kind_of_key__is_somebody_else_or_nobody(kind):
    (other,) = set(KINDS) - {kind}
    for chain_id, key_type in (("zg-child-8", kind), (CHAIN_ID, other)):
        with pytest.raises(InvalidProof, match=r"duplicate: (two signers|bad signature)"):
            guilty(evidence(kind), chain_id, key_type)


def test_guilty__same_block_at_another_time__is_no_duplicate():
    given = evidence()
    again = replace(given.first, ballot=replace(given.first.ballot, time=5))
    with pytest.raises(InvalidProof, match="duplicate: same block"):
        guilty(replace(given, second=again), CHAIN_ID, KeyType.SECP256K1ETH)


def test_guilty__other_form_of_a_signature__is_refused():
    given = evidence()
    signature = given.first.signature
    other = replace(signature, v=55 - signature.v, s=N - signature.s)
    with pytest.raises(InvalidProof, match="duplicate: high s"):
        guilty(replace(given, first=replace(given.first, signature=other)), CHAIN_ID, KeyType.SECP256K1ETH)


@pytest.mark.parametrize("changed", [{"v": 26}, {"v": 29}, {"r": 0}, {"s": 0}, {"r": N}], ids=str)
def test_guilty__no_signature__is_refused(changed):
    given = evidence()
    vote = replace(given.second, signature=replace(given.second.signature, **changed))
    with pytest.raises(InvalidProof, match="duplicate: bad signature"):
        guilty(replace(given, second=vote), CHAIN_ID, KeyType.SECP256K1ETH)


def test_fault_id__other_position__is_another():
    others = [replace(POSITION, **{each.name: 1}) for each in fields(POSITION)]
    assert len({fault_id(position) for position in [POSITION, *others]}) == 4


def test_recover__any_signature__is_of_the_key():
    for number in range(1, 20):
        key, message = keys.PrivateKey(number.to_bytes(32, "big")), number.to_bytes(32, "little")
        signature = key.sign_msg_hash(message)
        x, y = recover(message, signature.v, signature.r, signature.s)
        assert x.to_bytes(32, "big") + y.to_bytes(32, "big") == key.public_key.to_bytes()


def test_recover__digest_zero__is_of_the_key():
    key = keys.PrivateKey(b"\x07" * 32)
    signature = key.sign_msg_hash(bytes(32))
    x, _ = recover(bytes(32), signature.v, signature.r, signature.s)
    assert x.to_bytes(32, "big") == key.public_key.to_bytes()[:32]


def test_recover__numbers_that_are_no_signature__are_refused():
    with pytest.raises(Invalid, match="no signature"):
        recover(bytes(32), 2, 1, 1)
    with pytest.raises(Invalid, match="no point"):
        recover(bytes(32), 0, 5, 1)
