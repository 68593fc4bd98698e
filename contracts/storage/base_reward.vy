# pragma version 0.4.3
"""
@title Base reward
@notice Donations, of which every proof on a live chunk gets a fixed amount while they last.
"""
from contracts.common import roles
from contracts.interfaces import IChunkReward

uses: roles

MASK: constant(uint256) = 2**128 - 1

# Wei for a proof | wei donated and not paid << 128
packed: uint256


@external
@payable
def donate():
    assert msg.value > 0, "reward: nothing donated"
    self.packed += msg.value << 128
    log IChunkReward.Donated(donor=msg.sender, amount=msg.value)


@external
def setBaseReward(baseReward: uint256):
    roles._check_governor()
    assert baseReward <= MASK, "reward: amount too large"
    self.packed = ((self.packed >> 128) << 128) | baseReward
    log IChunkReward.BaseRewardSet(baseReward=baseReward)


@view
@external
def baseReward() -> uint256:
    return self.packed & MASK


@view
@external
def totalBaseReward() -> uint256:
    return self.packed >> 128


@internal
def _take() -> uint256:
    """@notice Take one proof's share out of the donations."""
    word: uint256 = self.packed
    share: uint256 = min(word & MASK, word >> 128)
    if share > 0:
        self.packed = word - (share << 128)
    return share
