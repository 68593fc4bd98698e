# pragma version 0.4.3
"""
@title Pool rewards
@notice Rewards flow to a pool's active units over an epoch; the operator's commission is taken when they come in.
        Model: offchain/protocol/restaking/rewards.py.
@dev Who joins just before rewards come earns only what flows afterwards. A stream without units waits for some.
"""
from contracts.common import epoch_trace
from contracts.common import security_epoch
from contracts.common import token_payments
from contracts.interfaces import IStakeVault
from contracts.restaking import collaterals
from contracts.restaking import pool_units
from contracts.restaking import pools

uses: security_epoch
uses: token_payments
uses: collaterals
uses: pools
uses: pool_units

MAX_STREAMS: constant(uint256) = 2
BPS: constant(uint256) = 10_000
MAX_AMOUNT: constant(uint256) = 2**96 - 1
MASK48: constant(uint256) = 2**48 - 1

# Fractions: of tokens in a rate, and in what a unit has earned.
RATE_BITS: constant(uint256) = 32
UNIT_BITS: constant(uint256) = 96

tokens: HashMap[uint256, DynArray[address, MAX_STREAMS]]

# By pool and place in `tokens`: tokens a second, with fraction << 96 | end << 48 | accrued until.
flows: HashMap[uint256, HashMap[uint256, uint256]]

# Tokens that a unit has earned since the beginning, with fraction; and what that was when an owner was last settled.
earned: HashMap[uint256, HashMap[uint256, uint256]]
settled: HashMap[uint256, HashMap[uint256, HashMap[address, uint256]]]


@external
def allowReward(pool: uint256, token: address):
    pools._check_operator(pool)
    assert collaterals.rewards[token], "rewards: token not allowed"
    assert token not in self.tokens[pool], "rewards: allowed already"
    assert len(self.tokens[pool]) < MAX_STREAMS, "rewards: too many tokens"
    self.tokens[pool].append(token)
    log IStakeVault.RewardAllowed(pool=pool, token=token)


@external
@nonreentrant
def addRewards(pool: uint256, token: address, amount: uint256):
    assert amount > 0 and amount <= MAX_AMOUNT, "rewards: bad amount"
    place: uint256 = self._place(pool, token)
    self._accrue(pool, place)
    commission: uint256 = amount * pools._commission(pool) // BPS
    token_payments._owe(token, pools.operator_of[pool], commission)
    self._pour(pool, place, amount - commission)
    log IStakeVault.RewardsAdded(pool=pool, token=token, amount=amount, commission=commission)
    token_payments._take(token, msg.sender, amount)


@external
@nonreentrant
def collectRewards(pool: uint256, owner: address):
    self._settle(pool, owner)


@view
@external
def rewardTokens(pool: uint256) -> DynArray[address, MAX_STREAMS]:
    return self.tokens[pool]


@view
@internal
def _place(pool: uint256, token: address) -> uint256:
    for place: uint256 in range(len(self.tokens[pool]), bound=MAX_STREAMS):
        if self.tokens[pool][place] == token:
            return place
    raise "rewards: not for this pool"


@internal
def _settle(pool: uint256, owner: address):
    """@notice Credit `owner` what its units earned; before every change of them."""
    count: uint256 = len(self.tokens[pool])
    if count == 0:
        return
    units: uint256 = pool_units.units[pool][owner]
    for place: uint256 in range(count, bound=MAX_STREAMS):
        self._accrue(pool, place)
        earned: uint256 = self.earned[pool][place]
        since: uint256 = self.settled[pool][place][owner]
        if earned != since:
            self.settled[pool][place][owner] = earned
            token_payments._owe(self.tokens[pool][place], owner, units * (earned - since) >> UNIT_BITS)


@internal
def _accrue(pool: uint256, place: uint256):
    """@notice Let the stream flow until now; without units its end moves instead."""
    word: uint256 = self.flows[pool][place]
    last: uint256 = word & MASK48
    end: uint256 = (word >> 48) & MASK48
    if last >= end or last == block.timestamp:
        return
    rate: uint256 = word >> 96
    units: uint256 = pool_units._active(pool)
    if units == 0:
        end += block.timestamp - last
    else:
        seconds: uint256 = min(block.timestamp, end) - last
        self.earned[pool][place] += (rate * seconds << (UNIT_BITS - RATE_BITS)) // units
    self.flows[pool][place] = rate << 96 | end << 48 | block.timestamp


@internal
def _pour(pool: uint256, place: uint256, amount: uint256):
    """
    @notice Add `amount` to the accrued stream. Each token keeps its own time: what was left ends when it would have,
            what is new an epoch from now, on average; so that dust cannot hold up what others are due.
    """
    if amount == 0:
        return
    word: uint256 = self.flows[pool][place]
    end: uint256 = (word >> 48) & MASK48
    seconds: uint256 = end - block.timestamp if end > block.timestamp else 0
    left: uint256 = (word >> 96) * seconds
    added: uint256 = amount << RATE_BITS
    assert left + added < 2**128, "rewards: stream too large"
    seconds = max((left * seconds + added * security_epoch.EPOCH) // (left + added), 1)
    rate: uint256 = (left + added) // seconds
    self.flows[pool][place] = rate << 96 | (block.timestamp + seconds) << 48 | block.timestamp
