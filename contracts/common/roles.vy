# pragma version 0.4.3
"""
@title Roles
@notice The one pattern of authority: a governor in two steps and a guardian who may pause new work.
@dev Deployables that can be paused keep the end of the pause where reading it is cheap; the right to pause is kept here.
"""
from contracts.interfaces import IPausable
from contracts.interfaces import IRoles

# A guardian's key is hot. If it is stolen, uploads stop for a week once; the governor replaces it meanwhile.
PAUSE_SECONDS: constant(uint256) = 7 * 86_400

# Who sets parameters.
governor: public(address)

# Who was offered the governor's place; zero when nobody was.
pendingGovernor: public(address)

# Who may pause; zero when nobody may.
guardian: public(address)

# Whether the guardian has used its right to pause since the governor last renewed it.
guardian_spent: bool

# End of the pause that the governor asked for; only the governor lifts it sooner.
governor_pause: uint256


@deploy
def __init__(governor: address, guardian: address):
    assert governor != empty(address), "roles: no governor"
    self.governor = governor
    self.guardian = guardian
    log IRoles.GovernorAccepted(governor=governor)
    log IRoles.GuardianSet(guardian=guardian)


@external
def proposeGovernor(successor: address):
    self._check_governor()
    self.pendingGovernor = successor
    log IRoles.GovernorProposed(governor=successor)


@external
def acceptGovernor():
    assert msg.sender == self.pendingGovernor, "roles: not proposed"
    self.governor = msg.sender
    self.pendingGovernor = empty(address)
    log IRoles.GovernorAccepted(governor=msg.sender)


@external
def setGuardian(guardian: address):
    self._check_governor()
    self.guardian = guardian
    self.guardian_spent = False
    log IRoles.GuardianSet(guardian=guardian)


@internal
def _pause() -> uint256:
    """@notice Use the caller's right to pause; returns the time at which the pause ends."""
    until: uint256 = block.timestamp + PAUSE_SECONDS
    if msg.sender == self.governor:
        self.governor_pause = until
    else:
        assert msg.sender == self.guardian, "roles: not guardian"
        assert not self.guardian_spent, "roles: pause spent"
        self.guardian_spent = True
    log IPausable.Paused(account=msg.sender, until=until)
    return until


@internal
def _unpause():
    """@notice Check the caller's right to lift a pause; from the governor it renews the guardian's."""
    if msg.sender == self.governor:
        self.guardian_spent = False
        self.governor_pause = 0
    else:
        assert msg.sender == self.guardian, "roles: not guardian"
        assert block.timestamp >= self.governor_pause, "roles: the governor's pause"
    log IPausable.Unpaused(account=msg.sender)


@view
@internal
def _check_governor():
    assert msg.sender == self.governor, "roles: not governor"

