# pragma version 0.4.3
"""
@title Recording mine reward
@notice Remembers what was claimed.
"""

struct Claim:
    pricingIndex: uint256
    beneficiary: address
    minerId: bytes32


told: DynArray[Claim, 64]


@external
def claimMineReward(pricingIndex: uint256, beneficiary: address, minerId: bytes32):
    self.told.append(Claim(pricingIndex=pricingIndex, beneficiary=beneficiary, minerId=minerId))


@view
@external
def claims() -> DynArray[Claim, 64]:
    return self.told
