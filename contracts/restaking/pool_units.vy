# pragma version 0.4.3
"""
@title Pool units
@notice Who holds how many units of a pool. A slash changes what a unit is worth, never how many anybody has.
        Model: offchain/protocol/restaking/pool.py.
"""
from contracts.common import epoch_trace

uses: epoch_trace

# Keys of the trace: a pool's units here, its magnitudes in group g at pool << 64 | g + 1.
POOL_SHIFT: constant(uint256) = 64

units: HashMap[uint256, HashMap[address, uint256]]


@view
@internal
def _active(pool: uint256) -> uint256:
    return epoch_trace._read(pool << POOL_SHIFT)


@view
@internal
def _active_before(pool: uint256, epoch: uint256) -> uint256:
    return epoch_trace._before(pool << POOL_SHIFT, epoch)


@internal
def _add(pool: uint256, owner: address, amount: uint256):
    self.units[pool][owner] += amount
    epoch_trace._write(pool << POOL_SHIFT, self._active(pool) + amount)


@internal
def _remove(pool: uint256, owner: address, amount: uint256):
    had: uint256 = self.units[pool][owner]
    assert amount > 0 and amount <= had, "pool: not that many units"
    self.units[pool][owner] = had - amount
    epoch_trace._write(pool << POOL_SHIFT, self._active(pool) - amount)
