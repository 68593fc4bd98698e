"""Double signing proven on chain: the worked vector for both kinds of keys, and every change of it refused."""

import random
from dataclasses import replace

import boa
import pytest
from eth_abi import encode as abi_encode

from offchain.protocol.restaking.canonical_vote import Ballot, Position
from offchain.protocol.restaking.duplicate_vote import DUPLICATE_VOTE, KeyType, fault_id, guilty
from offchain.protocol.secp256k1 import N
from tests.doubles.contracts import deploy
from tests.doubles.duplicate_votes import ADDRESS, CHAIN_ID, POSITION, ballot, encoded, evidence

KINDS = list(KeyType)
NETWORK, OTHER = 3, 4
BALLOT = "(bytes32,uint256,bytes32,int256,uint256)"
VOTE = f"({BALLOT},(uint256,uint256,uint256))"
EVIDENCE = f"((uint256,uint256,uint256),{VOTE},{VOTE})"


@pytest.fixture
def registry():
    return deploy("CometRegistry")


@pytest.fixture
def verifier(registry):
    return deploy("CometDuplicateVote", registry.address, registry.address)


@pytest.fixture
def operator():
    return boa.env.generate_address("operator")


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request, registry, operator):
    registry.addNetwork(NETWORK, CHAIN_ID, request.param)
    registry.addKey(NETWORK, request.param, ADDRESS.rjust(32, b"\0"), operator)
    return request.param


def raw(given):
    return abi_encode([EVIDENCE], [encoded(given)])


def test_verify__worked_vector__names_operator_and_fault(verifier, operator, kind):
    assert verifier.verify(NETWORK, raw(evidence(kind))) == (operator, DUPLICATE_VOTE, fault_id(POSITION))


def test_verify__order_of_the_votes__does_not_matter(verifier, operator, kind):
    given = evidence(kind)
    turned = replace(given, first=given.second, second=given.first)
    assert verifier.verify(NETWORK, raw(turned)) == verifier.verify(NETWORK, raw(given))


def test_verify__other_network_key_type_or_chain__is_refused(verifier, registry, operator, kind):
    (another,) = set(KINDS) - {kind}
    registry.addNetwork(OTHER, CHAIN_ID, kind)
    with boa.reverts("duplicate: not a known key"):
        verifier.verify(OTHER, raw(evidence(kind)))
    registry.addNetwork(OTHER, "zg-child-8", kind)
    registry.addKey(OTHER, kind, ADDRESS.rjust(32, b"\0"), operator)
    with boa.reverts("duplicate: two signers"):
        verifier.verify(OTHER, raw(evidence(kind)))
    registry.addNetwork(OTHER, CHAIN_ID, another)
    with boa.reverts():
        verifier.verify(OTHER, raw(evidence(kind)))
    registry.addNetwork(OTHER, CHAIN_ID, 3)
    with boa.reverts("duplicate: unknown key type"):
        verifier.verify(OTHER, raw(evidence(kind)))


def test_recover__every_flipped_bit__is_refused_or_somebody_else(verifier, kind, full_scale):
    """Of all 4,608 bits one in nine by day. Nobody that a changed vote recovers to is the validator."""
    data = raw(evidence(kind))
    places = range(8 * len(data)) if full_scale else random.Random(7).sample(range(8 * len(data)), 512)
    accepted = []
    for place in places:
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with boa.env.anchor():
            done = boa.env.execute_code(
                to_address=verifier.address, data=verifier.verify.prepare_calldata(NETWORK, bytes(changed))
            )
            accepted += [place] if not done.is_error else []
    assert accepted == []


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        ({"vote_type": 3}, "vote: bad type"),
        ({"height": 0}, "vote: bad height"),
        ({"height": 1 << 63}, "vote: bad height"),
        ({"round": 1 << 31}, "vote: bad round"),
    ],
)
def test_recover__impossible_position__is_refused(verifier, position, reason):
    given = evidence()
    with boa.reverts(reason):
        verifier.recover(CHAIN_ID, 1, encoded(replace(given, position=replace(given.position, **position))))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"block_hash": bytes(32)}, "vote: half a block id"),
        ({"parts_total": 0}, "vote: bad number of parts"),
        ({"parts_total": 1 << 32}, "vote: bad number of parts"),
        ({"nanos": 10**9}, "vote: bad nanoseconds"),
        ({"time": 1 << 63}, "vote: bad time"),
        ({"time": -(1 << 63) - 1}, "vote: bad time"),
    ],
)
def test_recover__impossible_ballot__is_refused(verifier, changed, reason):
    given = evidence()
    first = replace(given.first, ballot=replace(given.first.ballot, **changed))
    with boa.reverts(reason):
        verifier.recover(CHAIN_ID, 1, encoded(replace(given, first=first)))


def test_recover__no_duplicate__is_refused(verifier):
    given = evidence()
    again = replace(given.first, ballot=replace(given.first.ballot, time=5))
    with boa.reverts("duplicate: same block"):
        verifier.recover(CHAIN_ID, 1, encoded(replace(given, second=again)))
    signature = given.first.signature
    turned = replace(signature, v=55 - signature.v, s=N - signature.s)
    with boa.reverts("duplicate: high s"):
        verifier.recover(CHAIN_ID, 1, encoded(replace(given, first=replace(given.first, signature=turned))))
    with boa.reverts("duplicate: bad signature"):
        broken = replace(given.first, signature=replace(signature, r=0))
        verifier.recover(CHAIN_ID, 1, encoded(replace(given, first=broken)))
    with boa.reverts("vote: bad chain id"):
        verifier.recover("", 1, encoded(given))


def test_recover__votes_of_every_shape__signed_by_one__are_proven(verifier):
    from eth_keys import keys

    from offchain.protocol.restaking.canonical_vote import sign_bytes
    from offchain.protocol.restaking.duplicate_vote import Evidence, Signature, Vote, digest

    chance = random.Random(3)
    key = keys.PrivateKey(b"\x21" * 32)

    def vote(position, made, chain_id, kind):
        signature = key.sign_msg_hash(digest(kind, sign_bytes(position, made, chain_id)))
        return Vote(made, Signature(27 + signature.v, signature.r, signature.s))

    for _ in range(20):
        kind, chain_id = chance.choice(KINDS), "c" * chance.randint(1, 50)
        position = Position(
            chance.choice((1, 2)), chance.randint(1, (1 << 63) - 1), chance.choice((0, 1, (1 << 31) - 1))
        )
        time = chance.choice((0, 1, -62135596800, (1 << 63) - 1, -(1 << 63), chance.getrandbits(40)))
        total = chance.choice((1, 127, 128, 70_000, (1 << 32) - 1))
        first = Ballot(chance.randbytes(32), total, chance.randbytes(32), time, chance.choice((0, 1, 999_999_999)))
        second = chance.choice((Ballot(time=time), replace(ballot("A"), time=time)))
        given = Evidence(position, *(vote(position, each, chain_id, kind) for each in (first, second)))
        signer, fault = verifier.recover(chain_id, kind, encoded(given))
        assert bytes.fromhex(signer[2:]) == guilty(given, chain_id, kind)
        assert fault == fault_id(position)


def test_verify__bytes_that_are_no_evidence__are_refused(verifier, kind):
    for data in (b"", raw(evidence(kind))[:-1], raw(evidence(kind)) + b"\0"):
        with boa.reverts():
            verifier.verify(NETWORK, data)


def test_deploy__without_registries__is_refused(registry):
    with boa.reverts("duplicate: no registry"):
        deploy("CometDuplicateVote", registry.address, boa.env.generate_address("nothing"))
