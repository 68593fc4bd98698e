# pragma version 0.4.3
"""
@title Liens
@notice Promises that outlast the withdrawal delay hold the operator's own units; delegators stay free to leave.
@dev A network's contract takes liens only within what the operator allowed it. Amounts are tokens of the pool.
"""
from contracts.interfaces import IStakeVault
from contracts.restaking import pools

uses: pools

MASK96: constant(uint256) = 2**96 - 1

# Sum of a pool's liens.
total: HashMap[uint256, uint256]

# By pool and network contract: longest term in seconds << 96 | greatest amount.
allowances: HashMap[uint256, HashMap[address, uint256]]

# By pool and network contract: until << 96 | amount.
held: HashMap[uint256, HashMap[address, uint256]]


@external
def allowLien(pool: uint256, network: address, amount: uint256, term: uint256):
    pools._check_operator(pool)
    assert amount <= MASK96 and term < 2**48, "lien: allowance too large"
    self.allowances[pool][network] = term << 96 | amount
    log IStakeVault.LienAllowed(pool=pool, network=network, amount=amount, term=term)


@internal
def _take(pool: uint256, amount: uint256, until: uint256, own: uint256):
    """@notice Hold `amount` more for the caller until `until`; `own` is what the operator's own units are worth."""
    allowance: uint256 = self.allowances[pool][msg.sender]
    word: uint256 = self.held[pool][msg.sender]
    held: uint256 = (word & MASK96) + amount
    assert amount > 0 and held <= allowance & MASK96, "lien: not allowed"
    assert until > block.timestamp, "lien: already over"
    assert until <= block.timestamp + (allowance >> 96), "lien: term too long"
    assert self.total[pool] + amount <= own, "lien: not covered"
    self.total[pool] += amount
    self.held[pool][msg.sender] = max(word >> 96, until) << 96 | held
    log IStakeVault.LienTaken(pool=pool, network=msg.sender, amount=amount, until=until)


@internal
def _release(pool: uint256, network: address, amount: uint256):
    """@notice Let go of `amount`: the network whenever it likes, anybody once the lien has ended."""
    word: uint256 = self.held[pool][network]
    assert msg.sender == network or block.timestamp >= word >> 96, "lien: not over"
    assert amount <= word & MASK96, "lien: more than held"
    self._lower(pool, network, word, amount)
    log IStakeVault.LienReleased(pool=pool, network=network, amount=amount)


@internal
def _slash(pool: uint256, network: address, amount: uint256, own: uint256) -> uint256:
    """@notice Tokens that are taken: at most the lien, at most what the operator's own units are worth."""
    word: uint256 = self.held[pool][network]
    taken: uint256 = min(min(amount, word & MASK96), own)
    self._lower(pool, network, word, taken)
    return taken


@internal
def _lower(pool: uint256, network: address, word: uint256, amount: uint256):
    self.total[pool] -= amount
    self.held[pool][network] = word - amount
