"""Which part of a pool each security group may slash: magnitudes, parts of 10^18, and changes of them that are pending.

Group 0 is shared by many networks, every other group belongs to one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from offchain.errors import Invalid

WAD = 10**18
STEP = 10**12
CLOSED = 10**9


@dataclass(frozen=True, slots=True)
class Group:
    """What a group may slash `now`, and `next` from the Unix time `since` on; `since` is 0 without a pending change."""

    now: int = 0
    next: int = 0
    since: int = 0

    @property
    def allocated(self) -> int:
        """The part of max that no other group can have."""
        return max(self.now, self.next)

    def at(self, time: int) -> Group:
        """The group at `time`."""
        return Group(self.next) if self.since and time >= self.since else self


@dataclass(frozen=True, slots=True)
class Cut:
    """By how much a slash lowered a group's magnitude, and the one that was pending since `since`, if any was."""

    now: int
    pending: int
    since: int


def change(group: Group, magnitude: int, free: int, since: int) -> Group:
    """The group once `magnitude` is asked for from `since` on; at most `free` more than it has."""
    if magnitude % STEP:
        raise Invalid("allocation: not in steps")
    if group.since:
        raise Invalid("allocation: change pending")
    if magnitude == group.now:
        raise Invalid("allocation: no change")
    if magnitude - group.now > free:
        raise Invalid("allocation: more than free")
    return replace(group, next=magnitude, since=since)


def cut(group: Group, fraction: int) -> tuple[Group, Cut]:
    """The group after a slash of `fraction`, rounded up: a pending raise keeps its increment, a lowering its ratio."""
    taken = -(-group.now * fraction // WAD)
    if not group.since:
        return Group(group.now - taken), Cut(taken, 0, 0)
    pending = taken
    if group.next < group.now:
        pending = group.next - group.next * (group.now - taken) // group.now
    return Group(group.now - taken, group.next - pending, group.since), Cut(taken, pending, group.since)


def restore(group: Group, made: Cut) -> Group:
    """The group after the slash that `made` the cut is annulled, whatever happened in between."""
    matured = made.since and group.since != made.since
    back = made.pending if matured else made.now
    later = group.next
    if group.since and group.since == made.since:
        later += made.pending
    elif group.since and group.next > group.now:
        later += back
    return Group(group.now + back, later, group.since)
