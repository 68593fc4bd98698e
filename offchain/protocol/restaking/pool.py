"""One operator's stake in one collateral, its own and what others delegated to it.

Balances are units, and a unit is worth max / 10^18 tokens. A slash lowers max and its group's magnitude by the same
amount: no balance is written, other groups cannot move, slashes that overlap add up, and an annul adds the same amount
again. Integers only, the same on chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from offchain.errors import Invalid
from offchain.protocol.restaking.groups import CLOSED, WAD, Cut, Group, change, cut, restore

CAP = 1 << 96
SHARE_BITS = 28

K = TypeVar("K")
V = TypeVar("V")

Owner = str
Share = tuple[int, Owner]


@dataclass(frozen=True, slots=True)
class Clock:
    """Unix time now; `epoch` and `period` are seconds of a security epoch and a withdrawal period, begun at `start`."""

    now: int
    epoch: int
    period: int
    start: int = 0

    @property
    def current(self) -> int:
        """The withdrawal period now."""
        return (self.now - self.start) // self.period


@dataclass(frozen=True, slots=True)
class Escrow:
    """What a slash took: `amount` of tokens, `own` of them from the operator's own units."""

    amount: int
    own: int
    group: int
    period: int
    cut: Cut


@dataclass(frozen=True, slots=True)
class Pool:
    """Units by owner, active and on their way out; magnitudes by group; open escrows by the slash's id.

    `maxima` tells what max was at the end of the periods in which it changed; `paid` what shares already got.
    """

    operator: Owner
    units: Mapping[Owner, int] = field(default_factory=dict)
    leaving: Mapping[Share, int] = field(default_factory=dict)
    paid: Mapping[Share, int] = field(default_factory=dict)
    max: int = WAD
    groups: Mapping[int, Group] = field(default_factory=dict)
    escrows: Mapping[str, Escrow] = field(default_factory=dict)
    maxima: Mapping[int, int] = field(default_factory=dict)

    @property
    def active(self) -> int:
        """Units that back networks."""
        return sum(self.units.values())

    def group(self, number: int, now: int) -> Group:
        """What a group may slash at `now`."""
        return self.groups.get(number, Group()).at(now)

    def allocated(self, now: int) -> int:
        """The part of max that groups have."""
        return sum(self.group(number, now).allocated for number in self.groups)

    def value(self, units: int) -> int:
        """Tokens that active units are worth."""
        return units * self.max // WAD

    def stake(self, number: int, now: int) -> int:
        """Tokens with which the pool backs a group."""
        return self.active * self.group(number, now).now // WAD

    def exposed(self, clock: Clock, owner: Owner | None = None) -> int:
        """Units that a slash reaches, of one owner or all: active ones, and those whose period is not over."""
        leaving = sum(
            units for (period, who), units in self.leaving.items() if period >= clock.current and owner in (None, who)
        )
        return (self.active if owner is None else self.units.get(owner, 0)) + leaving

    def max_after(self, period: int) -> int:
        """What max was at the end of `period`."""
        before = [each for each in self.maxima if each <= period]
        return self.maxima[max(before)] if before else WAD


def deposit(pool: Pool, owner: Owner, amount: int) -> tuple[Pool, int]:
    """The pool with `amount` more, and the units that `owner` gets for it."""
    if pool.escrows:
        raise Invalid("vault: escrow open")
    if pool.max < CLOSED:
        raise Invalid("vault: pool closed")
    units = amount * WAD // pool.max
    if not units:
        raise Invalid("vault: amount too small")
    if amount > CAP or pool.active + units > CAP * WAD // pool.max:
        raise Invalid("vault: pool full")
    return replace(pool, units={**pool.units, owner: pool.units.get(owner, 0) + units}), units


def request(pool: Pool, owner: Owner, units: int, clock: Clock) -> Pool:
    """The pool with `units` of `owner` on their way out, at the end of the next period."""
    had, share = pool.units.get(owner, 0), (clock.current + 1, owner)
    if not 0 < units <= had:
        raise Invalid("pool: not that many units")
    return replace(
        pool,
        units={**pool.units, owner: had - units},
        leaving={**pool.leaving, share: pool.leaving.get(share, 0) + units},
    )


def claim(pool: Pool, owner: Owner, period: int, clock: Clock) -> tuple[Pool, int]:
    """The pool after `owner` took what it asked for, and what it gets beyond what it got already."""
    share = (period, owner)
    if period >= clock.current:
        raise Invalid("withdrawal: not mature")
    if share not in pool.leaving:
        raise Invalid("withdrawal: nothing to claim")
    worth = pool.leaving[share] * pool.max_after(period) // WAD
    amount = worth - pool.paid.get(share, 0)
    if pool.escrows:
        return replace(pool, paid={**pool.paid, share: worth}), amount
    return replace(pool, leaving=_without(pool.leaving, share), paid=_without(pool.paid, share)), amount


def allocate(pool: Pool, number: int, magnitude: int, clock: Clock) -> Pool:
    """The pool once group `number` may slash `magnitude`: more after an epoch, less after two periods."""
    group = pool.group(number, clock.now)
    raising = magnitude > group.now
    if raising and pool.max < CLOSED:
        raise Invalid("allocation: pool closed")
    since = clock.now + (clock.epoch if raising else 2 * clock.period)
    changed = change(group, magnitude, pool.max - pool.allocated(clock.now), since)
    return replace(pool, groups={**pool.groups, number: changed})


def slash(pool: Pool, number: int, fraction: int, slash_id: str, clock: Clock) -> Pool:
    """The pool after a slash of `fraction` of what group `number` may slash, with what it took in escrow."""
    group, made = cut(pool.group(number, clock.now), fraction)
    if not made.now:
        return pool
    amount = pool.exposed(clock) * made.now // WAD
    own = pool.exposed(clock, pool.operator) * made.now // WAD
    escrow = Escrow(amount, _rounded_share(own, amount), number, clock.current, made)
    lower = pool.max - made.now
    return replace(
        pool,
        max=lower,
        maxima={**pool.maxima, clock.current: lower},
        groups={**pool.groups, number: group},
        escrows={**pool.escrows, slash_id: escrow},
    )


def release(pool: Pool, slash_id: str) -> Pool:
    """The pool once an escrow is given out."""
    return replace(pool, escrows=_without(pool.escrows, slash_id))


def annul(pool: Pool, slash_id: str, clock: Clock) -> Pool:
    """The pool as if the slash had not been."""
    escrow = pool.escrows[slash_id]
    group = restore(pool.group(escrow.group, clock.now), escrow.cut)
    raised = {period: top + (escrow.cut.now if period >= escrow.period else 0) for period, top in pool.maxima.items()}
    return replace(
        release(pool, slash_id),
        max=pool.max + escrow.cut.now,
        maxima=raised,
        groups={**pool.groups, escrow.group: group},
    )


def _rounded_share(own: int, amount: int) -> int:
    """`own` as the chain keeps it: a share of `amount`, rounded down."""
    whole = (1 << SHARE_BITS) - 1
    return amount * (own * whole // amount) // whole if amount else 0


def _without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    return {each: content for each, content in mapping.items() if each != key}
