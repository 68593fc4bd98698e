# pragma version 0.4.3
"""
@title Pools
@notice A pool is one operator's stake in one collateral: its own and what others delegated to it.
"""
from contracts.interfaces import IStakeVault
from contracts.restaking import collaterals

uses: collaterals

MAX_POOLS: constant(uint256) = 8
BPS: constant(uint256) = 10_000

# Seconds before a higher commission counts, so that delegators can leave first.
NOTICE: constant(uint256) = 7 * 86_400

# Operators by their dense number, from 1; it is their place in every table of stake.
operators: HashMap[uint256, address]
operator_ids: HashMap[address, uint256]
operator_count: uint256

pool_count: uint256
operator_of: HashMap[uint256, address]
token_of: HashMap[uint256, address]
pools_of: HashMap[address, DynArray[uint256, MAX_POOLS]]
pool_of: HashMap[address, HashMap[address, uint256]]

# In force from << 32 | next << 16 | before.
commissions: HashMap[uint256, uint256]


@external
def createPool(token: address, commissionBps: uint256) -> uint256:
    collaterals._check_open(token)
    self._check_commission(commissionBps)
    assert self.pool_of[msg.sender][token] == 0, "pool: exists"
    if self.operator_ids[msg.sender] == 0:
        self.operator_count += 1
        self.operator_ids[msg.sender] = self.operator_count
        self.operators[self.operator_count] = msg.sender
        log IStakeVault.OperatorRegistered(operator=msg.sender, id=self.operator_count)
    pool: uint256 = self.pool_count + 1
    self.pool_count = pool
    self.operator_of[pool] = msg.sender
    self.token_of[pool] = token
    self.pool_of[msg.sender][token] = pool
    self.pools_of[msg.sender].append(pool)
    self.commissions[pool] = commissionBps << 16 | commissionBps
    log IStakeVault.PoolCreated(pool=pool, operator=msg.sender, token=token, commissionBps=commissionBps)
    return pool


@external
def setCommission(pool: uint256, commissionBps: uint256):
    self._check_operator(pool)
    self._check_commission(commissionBps)
    now: uint256 = self._commission(pool)
    since: uint256 = block.timestamp
    if commissionBps > now:
        since += NOTICE
    self.commissions[pool] = since << 32 | commissionBps << 16 | now
    log IStakeVault.CommissionSet(pool=pool, commissionBps=commissionBps, since=since)


@view
@external
def poolOf(operator: address, token: address) -> uint256:
    return self.pool_of[operator][token]


@view
@external
def poolsOf(operator: address) -> DynArray[uint256, MAX_POOLS]:
    return self.pools_of[operator]


@view
@external
def poolInfo(pool: uint256) -> (address, address, uint256):
    return self.operator_of[pool], self.token_of[pool], self._commission(pool)


@view
@external
def operatorId(operator: address) -> uint256:
    return self.operator_ids[operator]


@view
@external
def operatorAt(id: uint256) -> address:
    return self.operators[id]


@view
@external
def operatorCount() -> uint256:
    return self.operator_count


@pure
@internal
def _check_commission(bps: uint256):
    assert bps <= BPS, "pool: commission above all"


@view
@internal
def _check_operator(pool: uint256):
    assert msg.sender == self.operator_of[pool], "pool: not the operator"


@view
@internal
def _commission(pool: uint256) -> uint256:
    word: uint256 = self.commissions[pool]
    if block.timestamp >= word >> 32:
        return (word >> 16) & 65_535
    return word & 65_535
