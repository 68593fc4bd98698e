# pragma version 0.4.3
"""
@title Magnitudes
@notice What a pool's units are worth, and which part of them each security group may slash. Group 0 is shared by many
        networks, every other group belongs to one. Model: offchain/protocol/restaking/pool.py.
@dev value = units * max / WAD, stake(group) = units * magnitude(group) / WAD. A slash lowers the group's magnitude and
     max by the same amount: other groups cannot move, slashes that overlap add up, an annul is the addition backwards.
"""
from contracts.common import epoch_trace
from contracts.common import security_epoch
from contracts.interfaces import IStakeVault
from contracts.restaking import withdrawals

uses: security_epoch
uses: epoch_trace
uses: withdrawals

WAD: constant(uint256) = 10**18

# Smallest step of an allocation: rounding a slash up then takes next to nothing.
STEP: constant(uint256) = 10**12

# Below this a pool is closed: units would become so many that deposits overflow.
CLOSED: constant(uint256) = 10**9

MASK60: constant(uint256) = 2**60 - 1
MASK64: constant(uint256) = 2**64 - 1
POOL_SHIFT: constant(uint256) = 64

# Open escrows << 192 | number of maxima << 128 | allocated << 64 | max, the last counted from WAD downwards so that a
# new pool needs no word.
totals: HashMap[uint256, uint256]

# By pool and number from 1: period << 64 | max at its end, for periods in which it changed.
maxima: HashMap[uint256, HashMap[uint256, uint256]]


struct Group:
    # What the group may slash now.
    now: uint256
    # What it may slash from `since` on; `since` is 0 when no change is pending.
    next: uint256
    since: uint256


@view
@internal
def _max(pool: uint256) -> uint256:
    return WAD - (self.totals[pool] & MASK64)


@view
@internal
def _value(pool: uint256, units: uint256) -> uint256:
    return units * self._max(pool) // WAD


@view
@internal
def _allocated(pool: uint256) -> uint256:
    return (self.totals[pool] >> 64) & MASK64


@view
@internal
def _escrows(pool: uint256) -> uint256:
    return self.totals[pool] >> 192


@pure
@internal
def _unpack(word: uint256, time: uint256) -> Group:
    """@notice A group's magnitudes as they are at `time`."""
    since: uint256 = word >> 120
    if since != 0 and time >= since:
        return Group(now=(word >> 60) & MASK60, next=0, since=0)
    return Group(now=word & MASK60, next=(word >> 60) & MASK60, since=since)


@view
@internal
def _group(pool: uint256, group: uint256) -> Group:
    return self._unpack(epoch_trace._read(pool << POOL_SHIFT | (group + 1)), block.timestamp)


@view
@internal
def _group_before(pool: uint256, group: uint256, epoch: uint256) -> uint256:
    """@notice What `group` might slash at the start of `epoch`."""
    word: uint256 = epoch_trace._before(pool << POOL_SHIFT | (group + 1), epoch)
    return self._unpack(word, epoch * security_epoch.EPOCH).now


@internal
def _store(pool: uint256, group: uint256, state: Group):
    epoch_trace._write(pool << POOL_SHIFT | (group + 1), state.since << 120 | state.next << 60 | state.now)


@internal
def _rolled(pool: uint256, group: uint256) -> Group:
    """@notice The group now; what a matured lowering freed is no longer allocated."""
    word: uint256 = epoch_trace._read(pool << POOL_SHIFT | (group + 1))
    state: Group = self._unpack(word, block.timestamp)
    before: uint256 = word & MASK60
    if state.now < before:
        self.totals[pool] -= (before - state.now) << 64
        self._store(pool, group, state)
    return state


@internal
def _allocate(pool: uint256, group: uint256, magnitude: uint256) -> uint256:
    """@notice Let `group` slash `magnitude`: more after an epoch, less after two periods. Returns since when."""
    assert group < 2**32, "allocation: no such group"
    assert magnitude % STEP == 0, "allocation: not in steps"
    state: Group = self._rolled(pool, group)
    assert state.since == 0, "allocation: change pending"
    assert magnitude != state.now, "allocation: no change"
    state.next = magnitude
    if magnitude > state.now:
        free: uint256 = self._max(pool) - self._allocated(pool)
        assert self._max(pool) >= CLOSED, "allocation: pool closed"
        assert magnitude - state.now <= free, "allocation: more than free"
        self.totals[pool] += (magnitude - state.now) << 64
        state.since = block.timestamp + security_epoch.EPOCH
    else:
        state.since = block.timestamp + 2 * withdrawals.PERIOD
    self._store(pool, group, state)
    return state.since


@internal
def _cut(pool: uint256, group: uint256, fraction: uint256) -> (uint256, uint256, uint256):
    """
    @notice Slash `fraction` of WAD of what the group may slash, and open an escrow.
    @return By how much its magnitude fell, by how much the pending one, and since when that would count.
    """
    state: Group = self._rolled(pool, group)
    # Rounded up: no slash is too small to count.
    cut: uint256 = (state.now * fraction + WAD - 1) // WAD
    if cut == 0:
        return 0, 0, 0
    pending: uint256 = 0
    if state.since != 0:
        # A pending raise keeps its increment, a pending lowering its ratio.
        pending = cut
        if state.next < state.now:
            pending = state.next - state.next * (state.now - cut) // state.now
        state.next -= pending
    state.now -= cut
    self._store(pool, group, state)
    self.totals[pool] = self.totals[pool] + cut - (cut << 64) + (1 << 192)
    self._note_max(pool)
    return cut, pending, state.since


@internal
def _restore(pool: uint256, group: uint256, cut: uint256, pending: uint256, since: uint256, period: uint256):
    """@notice Undo what `_cut` returned in withdrawal period `period`, and close its escrow."""
    state: Group = self._rolled(pool, group)
    back: uint256 = cut
    if since != 0 and state.since != since:
        # The change that was pending has come into force meanwhile.
        back = pending
    if state.since != 0:
        if state.since == since:
            state.next += pending
        elif state.next > state.now:
            state.next += back
    state.now += back
    self._store(pool, group, state)
    self.totals[pool] = self.totals[pool] - cut + (back << 64) - (1 << 192)
    self._raise_maxima(pool, cut, period)


@internal
def _close_escrow(pool: uint256):
    self.totals[pool] -= 1 << 192


@internal
def _note_max(pool: uint256):
    word: uint256 = self.totals[pool]
    count: uint256 = (word >> 128) & MASK64
    period: uint256 = withdrawals._now()
    if count == 0 or self.maxima[pool][count] >> 64 != period:
        count += 1
        self.totals[pool] = word + (1 << 128)
    self.maxima[pool][count] = period << 64 | (WAD - (word & MASK64))


@internal
def _raise_maxima(pool: uint256, cut: uint256, period: uint256):
    """@notice Add `cut` to what max was at the end of `period` and of those after it."""
    count: uint256 = (self.totals[pool] >> 128) & MASK64
    for i: uint256 in range(64):
        if count == 0 or self.maxima[pool][count] >> 64 < period:
            return
        self.maxima[pool][count] += cut
        count -= 1
    raise "allocation: escrow too old"


@view
@internal
def _max_after(pool: uint256, period: uint256) -> (uint256, bool):
    """@notice What max was at the end of withdrawal period `period`, and whether no open escrow can still raise it."""
    word: uint256 = self.totals[pool]
    final: bool = word >> 192 == 0
    low: uint256 = 0
    high: uint256 = (word >> 128) & MASK64
    # Up to `low` all changed within or before `period`, above `high` none.
    for i: uint256 in range(64):
        if low == high:
            break
        middle: uint256 = (low + high + 1) // 2
        if self.maxima[pool][middle] >> 64 <= period:
            low = middle
        else:
            high = middle - 1
    if low == 0:
        return WAD, final
    return self.maxima[pool][low] & MASK64, final
