# pragma version 0.4.3
"""
@title Stake views
@notice What the stake vault tells. Refused while it is at work, so that nobody reads half a change.
"""
from contracts.restaking import liens
from contracts.restaking import magnitudes
from contracts.restaking import pool_units
from contracts.restaking import pools
from contracts.restaking import slash_escrow
from contracts.restaking import withdrawals

uses: liens
uses: magnitudes
uses: pool_units
uses: pools
uses: slash_escrow
uses: withdrawals

WAD: constant(uint256) = 10**18


@view
@internal
def _own(pool: uint256) -> uint256:
    """@notice What the operator's own units are worth."""
    return magnitudes._value(pool, pool_units.units[pool][pools.operator_of[pool]])


@view
@external
@nonreentrant
def stakeOf(pool: uint256, group: uint256) -> uint256:
    return pool_units._active(pool) * magnitudes._group(pool, group).now // WAD


@view
@external
@nonreentrant
def stakeAt(pool: uint256, group: uint256, epoch: uint256) -> uint256:
    return pool_units._active_before(pool, epoch) * magnitudes._group_before(pool, group, epoch) // WAD


@view
@external
@nonreentrant
def slashable(pool: uint256, group: uint256) -> uint256:
    units: uint256 = pool_units._active(pool) + withdrawals._slashable(pool)
    return units * magnitudes._group(pool, group).now // WAD


@view
@external
@nonreentrant
def valueOf(pool: uint256, owner: address) -> uint256:
    return magnitudes._value(pool, pool_units.units[pool][owner])


@view
@external
@nonreentrant
def unitsOf(pool: uint256, owner: address) -> uint256:
    return pool_units.units[pool][owner]


@view
@external
@nonreentrant
def withdrawalOf(pool: uint256, period: uint256, owner: address) -> (uint256, uint256):
    word: uint256 = withdrawals.shares[pool][period][owner]
    return word & (2**128 - 1), word >> 128


@view
@external
@nonreentrant
def allocation(pool: uint256, group: uint256) -> (uint256, uint256, uint256):
    state: magnitudes.Group = magnitudes._group(pool, group)
    return state.now, state.next, state.since


@view
@external
@nonreentrant
def poolState(pool: uint256) -> (uint256, uint256, uint256, uint256):
    return pool_units._active(pool), magnitudes._max(pool), magnitudes._allocated(pool), magnitudes._escrows(pool)


@view
@external
@nonreentrant
def coverage(pool: uint256) -> (uint256, uint256):
    return self._own(pool), liens.total[pool]


@view
@external
def lienOf(pool: uint256, network: address) -> (uint256, uint256):
    word: uint256 = liens.held[pool][network]
    return word & (2**96 - 1), word >> 96


@view
@external
@nonreentrant
def escrowOf(id: bytes32, pool: uint256) -> (uint256, uint256):
    escrow: slash_escrow.Escrow = slash_escrow._get(id, pool)
    return escrow.amount, escrow.own


@view
@external
def currentPeriod() -> uint256:
    return withdrawals._now()
