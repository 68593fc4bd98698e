# pragma version 0.4.3
"""
@title Withdrawals
@notice Units on their way out gather in the bucket of the next period and stay slashable until that is over: for one
        to two periods. Model: offchain/protocol/restaking/pool.py.
"""

WAD: constant(uint256) = 10**18

# Seconds, and when period 0 began.
PERIOD: immutable(uint256)
START: immutable(uint256)

# By pool and period.
buckets: HashMap[uint256, HashMap[uint256, uint256]]

# By pool, period and owner: tokens paid << 128 | units.
shares: HashMap[uint256, HashMap[uint256, HashMap[address, uint256]]]


@deploy
def __init__(period: uint256):
    PERIOD = period
    START = block.timestamp


@view
@internal
def _now() -> uint256:
    return (block.timestamp - START) // PERIOD


@internal
def _request(pool: uint256, owner: address, units: uint256) -> uint256:
    """@notice Put units into the next period's bucket; returns that period."""
    period: uint256 = self._now() + 1
    self.buckets[pool][period] += units
    self.shares[pool][period][owner] += units
    return period


@view
@internal
def _slashable(pool: uint256) -> uint256:
    """@notice Units on their way out that a slash still reaches."""
    now: uint256 = self._now()
    return self.buckets[pool][now] + self.buckets[pool][now + 1]


@view
@internal
def _slashable_of(pool: uint256, owner: address) -> uint256:
    now: uint256 = self._now()
    return self._units(pool, now, owner) + self._units(pool, now + 1, owner)


@view
@internal
def _units(pool: uint256, period: uint256, owner: address) -> uint256:
    return self.shares[pool][period][owner] & (2**128 - 1)


@internal
def _claim(pool: uint256, period: uint256, owner: address, worth: uint256, final: bool) -> uint256:
    """
    @notice Tokens that a mature share is due beyond what it was paid. Unless that is `final`, the share is remembered:
            an annulled slash may raise its worth.
    @param worth Tokens that WAD of its units are worth.
    """
    assert period < self._now(), "withdrawal: not mature"
    word: uint256 = self.shares[pool][period][owner]
    assert word != 0, "withdrawal: nothing to claim"
    due: uint256 = (word & (2**128 - 1)) * worth // WAD
    self.shares[pool][period][owner] = 0 if final else due << 128 | (word & (2**128 - 1))
    return due - (word >> 128)
