# pragma version 0.4.3
"""
@title Slash escrow
@notice What a slash took from each pool, until it is given out or annulled.
"""
from contracts.interfaces import IStakeVault
from contracts.restaking import magnitudes
from contracts.restaking import pool_units
from contracts.restaking import withdrawals

uses: magnitudes
uses: pool_units
uses: withdrawals

WAD: constant(uint256) = 10**18
MASK60: constant(uint256) = 2**60 - 1
MASK32: constant(uint256) = 2**32 - 1
# More tokens than any collateral has: no slash fails for their number.
MASK104: constant(uint256) = 2**104 - 1
SHARE_BITS: constant(uint256) = 28

# By slash and pool: share of the operator's own units << 228 | group << 196 | period << 164 | cut << 104 | amount
records: HashMap[bytes32, HashMap[uint256, uint256]]

# The change that was pending, where one was: since << 60 | by how much it was cut.
pending: HashMap[bytes32, HashMap[uint256, uint256]]


struct Escrow:
    # Tokens, and how many of them came from the operator's own units.
    amount: uint256
    own: uint256
    # What magnitudes.restore needs; a lien's escrow has no cut.
    cut: uint256
    group: uint256
    period: uint256
    pending: uint256
    since: uint256


@internal
def _slash(id: bytes32, pool: uint256, operator: address, group: uint256, fraction: uint256):
    """@notice Take `fraction` of what `group` may slash of a pool, of what is on its way out too."""
    cut: uint256 = 0
    pending: uint256 = 0
    since: uint256 = 0
    cut, pending, since = magnitudes._cut(pool, group, fraction)
    if cut == 0:
        return
    units: uint256 = pool_units._active(pool) + withdrawals._slashable(pool)
    own: uint256 = pool_units.units[pool][operator] + withdrawals._slashable_of(pool, operator)
    escrow: Escrow = Escrow(
        amount=min(units * cut // WAD, MASK104),
        own=own * cut // WAD,
        cut=cut,
        group=group,
        period=withdrawals._now(),
        pending=pending,
        since=since,
    )
    self._open(id, pool, escrow)


@pure
@internal
def _of_lien(amount: uint256) -> Escrow:
    return Escrow(amount=amount, own=amount, cut=0, group=0, period=0, pending=0, since=0)


@internal
def _open(id: bytes32, pool: uint256, escrow: Escrow):
    assert self.records[id][pool] == 0, "escrow: slash id used"
    share: uint256 = 0
    if escrow.amount > 0:
        # Rounded down, so that the reporter never gets more than half of what was the operator's own.
        share = escrow.own * (2**SHARE_BITS - 1) // escrow.amount
    head: uint256 = share << 228 | escrow.group << 196 | escrow.period << 164
    self.records[id][pool] = head | escrow.cut << 104 | escrow.amount
    if escrow.since != 0:
        self.pending[id][pool] = escrow.since << 60 | escrow.pending
    log IStakeVault.Slashed(id=id, pool=pool, group=escrow.group, cut=escrow.cut, amount=escrow.amount, own=escrow.own)


@internal
def _close(id: bytes32, pool: uint256) -> Escrow:
    escrow: Escrow = self._get(id, pool)
    self.records[id][pool] = 0
    self.pending[id][pool] = 0
    return escrow


@view
@internal
def _get(id: bytes32, pool: uint256) -> Escrow:
    word: uint256 = self.records[id][pool]
    assert word != 0, "escrow: not open"
    change: uint256 = self.pending[id][pool]
    amount: uint256 = word & MASK104
    return Escrow(
        amount=amount,
        own=amount * (word >> 228) // (2**SHARE_BITS - 1),
        cut=(word >> 104) & MASK60,
        group=(word >> 196) & MASK32,
        period=(word >> 164) & MASK32,
        pending=change & MASK60,
        since=change >> 60,
    )
