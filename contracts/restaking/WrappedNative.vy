# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Wrapped native coin
@notice The chain's coin as an ERC-20, one for one, so that it can be staked.
@dev Trusts nobody: there is no owner.
@custom:kill Nothing can be stopped.
"""
from ethereum.ercs import IERC20

implements: IERC20

event Deposit:
    dst: indexed(address)
    wad: uint256


event Withdrawal:
    src: indexed(address)
    wad: uint256


decimals: public(constant(uint8)) = 18

name: public(immutable(String[32]))
symbol: public(immutable(String[16]))

balanceOf: public(HashMap[address, uint256])

# What a spender may still move; the greatest number stands for any amount, for ever.
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(name_: String[32], symbol_: String[16]):
    name = name_
    symbol = symbol_


@payable
@external
def __default__():
    """@notice As `deposit`."""
    self._wrap()


@payable
@external
def deposit():
    """@notice Wrap the coins that are sent."""
    self._wrap()


@external
def withdraw(wad: uint256):
    """@notice Unwrap `wad` and send the coins to the caller."""
    assert wad <= self.balanceOf[msg.sender], "wrapped: balance too low"
    self.balanceOf[msg.sender] -= wad
    log Withdrawal(src=msg.sender, wad=wad)
    log IERC20.Transfer(sender=msg.sender, receiver=empty(address), value=wad)
    raw_call(msg.sender, b"", value=wad)


@external
def transfer(to: address, amount: uint256) -> bool:
    """@notice Send `amount` to `to`."""
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """@notice Send `amount` of `owner`, who approved the caller, to `to`."""
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert amount <= allowed, "wrapped: not approved"
        self.allowance[owner][msg.sender] = allowed - amount
    self._move(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """@notice Let `spender` move `amount`."""
    self.allowance[msg.sender][spender] = amount
    log IERC20.Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@view
@external
def totalSupply() -> uint256:
    """@notice Coins held, also those that others forced in: at least the sum of balances."""
    return self.balance


@internal
def _move(owner: address, to: address, amount: uint256):
    # Lost by mistake more often than meant: to nobody, and to this contract.
    assert to != empty(address) and to != self, "wrapped: no receiver"
    held: uint256 = self.balanceOf[owner]
    assert amount <= held, "wrapped: balance too low"
    self.balanceOf[owner] = held - amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=owner, receiver=to, value=amount)


@payable
@internal
def _wrap():
    self.balanceOf[msg.sender] += msg.value
    log Deposit(dst=msg.sender, wad=msg.value)
    log IERC20.Transfer(sender=empty(address), receiver=msg.sender, value=msg.value)
