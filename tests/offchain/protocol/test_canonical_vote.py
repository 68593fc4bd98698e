"""The bytes of votes: CometBFT's own vectors, the worked vector, refusals."""

from dataclasses import replace

import pytest

from offchain.errors import Invalid
from offchain.protocol.restaking.canonical_vote import Ballot, Position, sign_bytes
from tests.doubles.duplicate_votes import CHAIN_ID, POSITION, VECTOR, ballot

GO_ZERO = -62135596800
# CometBFT's TestVoteSignBytesTestVectors, precommit at height 1, round 1, without its chain id.
COMET = "0802110100000000000000190100000000000000" + "2a0b088092b8c398feffffff01"


@pytest.mark.parametrize("name", ["A", "B", "nil"])
def test_sign_bytes__worked_vector__are_its_bytes(name):
    assert sign_bytes(POSITION, ballot(name), CHAIN_ID).hex() == VECTOR[name]["sign_bytes"]


def test_sign_bytes__vote_of_cometbft__are_its_bytes():
    made = sign_bytes(Position(2, 1, 1), Ballot(time=GO_ZERO), "test_chain_id")
    assert made.hex() == "30" + COMET + "320d" + b"test_chain_id".hex()


def test_sign_bytes__round_and_time_zero__are_left_out():
    assert sign_bytes(Position(1, 7, 0), Ballot(), "c").hex() == "10" + "0801110700000000000000" + "2a00" + "320163"


def test_sign_bytes__long_ones__have_a_length_of_two_bytes():
    made = sign_bytes(POSITION, replace(ballot("A"), parts_total=1_000_000), "c" * 50)
    assert made[:2] == bytes([161 & 127 | 128, 1])
    assert len(made) == 2 + 161
    assert bytes.fromhex("08c0843d") in made


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"vote_type": 0}, "vote: bad type"),
        ({"vote_type": 32}, "vote: bad type"),
        ({"height": 0}, "vote: bad height"),
        ({"height": 1 << 63}, "vote: bad height"),
        ({"round": 1 << 31}, "vote: bad round"),
        ({"round": -1}, "vote: bad round"),
    ],
)
def test_sign_bytes__impossible_position__is_refused(changed, reason):
    with pytest.raises(Invalid, match=reason):
        sign_bytes(replace(POSITION, **changed), ballot("A"), CHAIN_ID)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"block_hash": bytes(32)}, "vote: half a block id"),
        ({"parts_total": 0}, "vote: bad number of parts"),
        ({"parts_total": 1 << 32}, "vote: bad number of parts"),
        ({"nanos": 10**9}, "vote: bad nanoseconds"),
        ({"time": 1 << 63}, "vote: bad time"),
    ],
)
def test_sign_bytes__impossible_ballot__is_refused(changed, reason):
    with pytest.raises(Invalid, match=reason):
        sign_bytes(POSITION, replace(ballot("A"), **changed), CHAIN_ID)


@pytest.mark.parametrize("chain_id", ["", "c" * 51])
def test_sign_bytes__impossible_chain_id__is_refused(chain_id):
    with pytest.raises(Invalid, match="vote: bad chain id"):
        sign_bytes(POSITION, ballot("A"), chain_id)
