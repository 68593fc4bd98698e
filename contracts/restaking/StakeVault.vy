# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Stake vault
@notice All stake: pools by operator and collateral, delegation, withdrawals that stay slashable until they mature, the
        part of it that each security group may slash, liens, rewards.
@dev Trusts the slasher, set once, for whom to slash and what to annul; it bounds what a slash may take and to whom it
     may go. The governor lists collaterals and reward tokens and can touch no stake. Balances are units; nothing reads
     what a token says they are.
@custom:kill The guardian pauses deposits for a week; withdrawals and claims never stop.
"""
from contracts.common import epoch_trace
from contracts.common import roles
from contracts.common import security_epoch
from contracts.common import token_payments
from contracts.interfaces import IPausable
from contracts.interfaces import IRoles
from contracts.interfaces import IStakeVault
from contracts.interfaces import ITokenPayments
from contracts.restaking import collaterals
from contracts.restaking import liens
from contracts.restaking import magnitudes
from contracts.restaking import pool_rewards
from contracts.restaking import pool_units
from contracts.restaking import pools
from contracts.restaking import slash_escrow
from contracts.restaking import stake_views
from contracts.restaking import withdrawals

implements: IPausable
implements: IRoles
implements: IStakeVault
implements: ITokenPayments
initializes: roles
initializes: security_epoch
initializes: epoch_trace[security_epoch := security_epoch]
initializes: token_payments
initializes: collaterals[roles := roles]
initializes: pools[collaterals := collaterals]
initializes: pool_units[epoch_trace := epoch_trace]
initializes: withdrawals
initializes: magnitudes[security_epoch := security_epoch, epoch_trace := epoch_trace, withdrawals := withdrawals]
initializes: liens[pools := pools]
initializes: slash_escrow[magnitudes := magnitudes, pool_units := pool_units, withdrawals := withdrawals]
initializes: stake_views[
    liens := liens,
    magnitudes := magnitudes,
    pool_units := pool_units,
    pools := pools,
    slash_escrow := slash_escrow,
    withdrawals := withdrawals,
]
initializes: pool_rewards[
    security_epoch := security_epoch,
    token_payments := token_payments,
    collaterals := collaterals,
    pools := pools,
    pool_units := pool_units,
]

exports: (
    roles.governor,
    roles.pendingGovernor,
    roles.guardian,
    roles.proposeGovernor,
    roles.acceptGovernor,
    roles.setGuardian,
    token_payments.payments,
    token_payments.withdrawPayment,
    collaterals.setCollateral,
    collaterals.setRewardToken,
    collaterals.collateral,
    collaterals.collateralList,
    collaterals.isRewardToken,
    pools.createPool,
    pools.setCommission,
    pools.poolOf,
    pools.poolsOf,
    pools.poolInfo,
    pools.operatorId,
    pools.operatorAt,
    pools.operatorCount,
    liens.allowLien,
    pool_rewards.allowReward,
    pool_rewards.addRewards,
    pool_rewards.collectRewards,
    pool_rewards.rewardTokens,
    stake_views.stakeOf,
    stake_views.stakeAt,
    stake_views.slashable,
    stake_views.valueOf,
    stake_views.unitsOf,
    stake_views.withdrawalOf,
    stake_views.allocation,
    stake_views.poolState,
    stake_views.coverage,
    stake_views.lienOf,
    stake_views.escrowOf,
    stake_views.currentPeriod,
)

WAD: constant(uint256) = 10**18

# Most that a pool may be worth, in tokens.
CAP: constant(uint256) = 2**96

# What nobody is due goes here.
BURN: constant(address) = 0x000000000000000000000000000000000000dEaD

slasher: public(address)
pausedUntil: public(uint256)


@deploy
def __init__(governor: address, guardian: address, epoch: uint256, period: uint256):
    """
    @param epoch Seconds of a security epoch.
    @param period Seconds of a withdrawal period; an epoch at least.
    """
    assert period >= epoch, "vault: period below epoch"
    roles.__init__(governor, guardian)
    security_epoch.__init__(epoch)
    withdrawals.__init__(period)


@external
def initialize(slasher: address):
    """@notice Appoint the slasher, for ever; governor only."""
    roles._check_governor()
    assert self.slasher == empty(address), "vault: initialized"
    assert slasher.is_contract, "vault: slasher has no code"
    self.slasher = slasher
    log IStakeVault.SlasherSet(slasher=slasher)


@external
@nonreentrant
def deposit(pool: uint256, amount: uint256, owner: address) -> uint256:
    """@notice Stake `amount` of the pool's token for `owner`; returns units."""
    assert block.timestamp >= self.pausedUntil, "vault: paused"
    assert owner != empty(address), "vault: no owner"
    token: address = pools.token_of[pool]
    collaterals._check_open(token)
    # Else who deposits now would share in an annul, and delegators would pay for it.
    assert magnitudes._escrows(pool) == 0, "vault: escrow open"
    worth: uint256 = magnitudes._max(pool)
    assert worth >= magnitudes.CLOSED, "vault: pool closed"
    assert amount <= CAP, "vault: pool full"
    units: uint256 = amount * WAD // worth
    assert units > 0, "vault: amount too small"
    assert pool_units._active(pool) + units <= CAP * WAD // worth, "vault: pool full"
    pool_rewards._settle(pool, owner)
    pool_units._add(pool, owner, units)
    log IStakeVault.Deposited(pool=pool, owner=owner, payer=msg.sender, amount=amount, units=units)
    token_payments._take(token, msg.sender, amount)
    return units


@external
@nonreentrant
def requestWithdrawal(pool: uint256, units: uint256) -> uint256:
    """@notice Put units of the caller on their way out; returns the period after which `claim` pays them."""
    pool_rewards._settle(pool, msg.sender)
    pool_units._remove(pool, msg.sender, units)
    if msg.sender == pools.operator_of[pool]:
        own: uint256 = stake_views._own(pool)
        assert own >= liens.total[pool], "vault: held by liens"
        idle: bool = magnitudes._allocated(pool) == 0
        assert idle or own >= collaterals._minimum(pools.token_of[pool]), "vault: own stake too low"
    period: uint256 = withdrawals._request(pool, msg.sender, units)
    log IStakeVault.WithdrawalRequested(pool=pool, owner=msg.sender, units=units, period=period)
    return period


@external
@nonreentrant
def claim(pool: uint256, period: uint256) -> uint256:
    """@notice Pay what the caller requested for `period`; again, if an annulled slash raised it. Returns tokens."""
    worth: uint256 = 0
    final: bool = False
    worth, final = magnitudes._max_after(pool, period)
    amount: uint256 = withdrawals._claim(pool, period, msg.sender, worth, final)
    log IStakeVault.Claimed(pool=pool, owner=msg.sender, period=period, amount=amount)
    if amount > 0:
        token_payments._pay(pools.token_of[pool], msg.sender, amount)
    return amount


@external
@nonreentrant
def setAllocation(pool: uint256, group: uint256, magnitude: uint256) -> uint256:
    """@notice Let a group slash `magnitude` of WAD: more after an epoch, less after two periods. Returns since when."""
    pools._check_operator(pool)
    assert group == 0 or magnitude == 0 or liens.total[pool] == 0, "vault: pool has liens"
    enough: bool = stake_views._own(pool) >= collaterals._minimum(pools.token_of[pool])
    assert enough or magnitude <= magnitudes._group(pool, group).now, "vault: own stake too low"
    since: uint256 = magnitudes._allocate(pool, group, magnitude)
    log IStakeVault.AllocationSet(pool=pool, group=group, magnitude=magnitude, since=since)
    return since


@external
@nonreentrant
def settleAllocation(pool: uint256, group: uint256):
    """@notice Free what a matured lowering no longer allocates; anybody."""
    magnitudes._rolled(pool, group)


@external
@nonreentrant
def takeLien(pool: uint256, amount: uint256, until: uint256):
    """@notice Hold `amount` of the operator's own stake for the calling network, as far as the operator allowed it."""
    shared: magnitudes.Group = magnitudes._rolled(pool, 0)
    assert magnitudes._allocated(pool) == max(shared.now, shared.next), "vault: isolated groups"
    liens._take(pool, amount, until, stake_views._own(pool))


@external
@nonreentrant
def releaseLien(pool: uint256, network: address, amount: uint256):
    """@notice Let go of a lien: its network whenever it likes, anybody once it has ended."""
    liens._release(pool, network, amount)


@external
@nonreentrant
def slash(operator: address, group: uint256, fraction: uint256, id: bytes32):
    """@notice Take `fraction` of WAD of what `group` may slash of every pool into escrow `id`; slasher only."""
    self._check_slasher()
    assert fraction > 0 and fraction <= WAD, "vault: bad fraction"
    for pool: uint256 in pools.pools_of[operator]:
        slash_escrow._slash(id, pool, operator, group, fraction)


@external
@nonreentrant
def slashLien(pool: uint256, network: address, amount: uint256, id: bytes32) -> uint256:
    """@notice Take up to `amount` of a lien, from the operator's own units only, into escrow `id`; slasher only."""
    self._check_slasher()
    taken: uint256 = liens._slash(pool, network, amount, stake_views._own(pool))
    if taken == 0:
        return 0
    operator: address = pools.operator_of[pool]
    worth: uint256 = magnitudes._max(pool)
    pool_rewards._settle(pool, operator)
    pool_units._remove(pool, operator, (taken * WAD + worth - 1) // worth)
    slash_escrow._open(id, pool, slash_escrow._of_lien(taken))
    return taken


@external
@nonreentrant
def release(id: bytes32, pool: uint256, reporter: address, bounty: uint256, victim: address, damages: uint256):
    """
    @notice Give out an escrow: a bounty of at most half of what was the operator's own, damages out of a lien only, and
            the rest to nobody; slasher only.
    """
    self._check_slasher()
    escrow: slash_escrow.Escrow = slash_escrow._close(id, pool)
    assert bounty <= escrow.own // 2, "vault: bounty too high"
    assert damages == 0 or escrow.cut == 0, "vault: damages without a lien"
    assert bounty + damages <= escrow.amount, "vault: more than escrowed"
    if escrow.cut > 0:
        magnitudes._close_escrow(pool)
    token: address = pools.token_of[pool]
    token_payments._owe(token, reporter, bounty)
    token_payments._owe(token, victim, damages)
    token_payments._owe(token, BURN, escrow.amount - bounty - damages)
    log IStakeVault.EscrowReleased(id=id, pool=pool, amount=escrow.amount, bounty=bounty, damages=damages)


@external
@nonreentrant
def annul(id: bytes32, pool: uint256):
    """@notice Undo a slash exactly; what came from a lien is owed to the operator. Slasher only."""
    self._check_slasher()
    escrow: slash_escrow.Escrow = slash_escrow._close(id, pool)
    if escrow.cut > 0:
        magnitudes._restore(pool, escrow.group, escrow.cut, escrow.pending, escrow.since, escrow.period)
    else:
        token_payments._owe(pools.token_of[pool], pools.operator_of[pool], escrow.amount)
    log IStakeVault.EscrowAnnulled(id=id, pool=pool, amount=escrow.amount)


@external
def pause():
    """@notice Refuse deposits for seven days."""
    self.pausedUntil = roles._pause()


@external
def unpause():
    """@notice Accept deposits again."""
    roles._unpause()
    self.pausedUntil = 0


@view
@external
def paused() -> bool:
    """@notice Whether deposits are refused now."""
    return block.timestamp < self.pausedUntil


@view
@internal
def _check_slasher():
    assert msg.sender == self.slasher, "vault: not the slasher"
