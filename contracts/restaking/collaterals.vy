# pragma version 0.4.3
"""
@title Collaterals
@notice Which tokens may be staked, and which may be paid as rewards.
"""
from contracts.common import roles
from contracts.interfaces import IStakeVault

uses: roles

MAX_COLLATERALS: constant(uint256) = 8

# Open << 128 | the least that an operator stakes of it; 0 for a token that never was a collateral.
rules: HashMap[address, uint256]
listed: DynArray[address, MAX_COLLATERALS]

# Tokens that rewards may be paid in.
rewards: HashMap[address, bool]


@external
def setCollateral(token: address, open: bool, minimum: uint256):
    roles._check_governor()
    assert minimum > 0 and minimum < 2**96, "collateral: bad minimum"
    if self.rules[token] == 0:
        assert token.is_contract, "collateral: no token"
        assert len(self.listed) < MAX_COLLATERALS, "collateral: too many"
        self.listed.append(token)
    self.rules[token] = convert(open, uint256) << 128 | minimum
    log IStakeVault.CollateralSet(token=token, open=open, minimum=minimum)


@external
def setRewardToken(token: address, allowed: bool):
    roles._check_governor()
    self.rewards[token] = allowed
    log IStakeVault.RewardTokenSet(token=token, allowed=allowed)


@view
@external
def collateral(token: address) -> (bool, uint256):
    return self.rules[token] >> 128 == 1, self._minimum(token)


@view
@external
def collateralList() -> DynArray[address, MAX_COLLATERALS]:
    return self.listed


@view
@external
def isRewardToken(token: address) -> bool:
    return self.rewards[token]


@view
@internal
def _check_open(token: address):
    assert self.rules[token] >> 128 == 1, "collateral: not open"


@view
@internal
def _minimum(token: address) -> uint256:
    return self.rules[token] & (2**128 - 1)
