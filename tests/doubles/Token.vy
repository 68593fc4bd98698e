# pragma version 0.4.3
"""
@title Token
@notice An ERC-20 that can be told to misbehave as real ones do.
"""
from ethereum.ercs import IERC20

flag Manner:
    TAKES_FEE
    REVERTS
    RETURNS_FALSE
    RETURNS_NOTHING
    REENTERS

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
manner: Manner
target: address
call: Bytes[260]
answered: public(Bytes[32])


@external
def mint(holder: address, amount: uint256):
    self.balanceOf[holder] += amount


@external
def rebase(holder: address, balance: uint256):
    self.balanceOf[holder] = balance


@external
def behave(manner: Manner):
    self.manner = manner


@external
def reenter(target: address, call: Bytes[260]):
    """@notice Call `target` from within every transfer."""
    self.manner = Manner.REENTERS
    self.target = target
    self.call = call


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[32]:
    return self._move(msg.sender, to, amount)


@external
@raw_return
def transferFrom(owner: address, to: address, amount: uint256) -> Bytes[32]:
    if self.manner != Manner.RETURNS_FALSE:
        self.allowance[owner][msg.sender] -= amount
    return self._move(owner, to, amount)


@internal
def _move(owner: address, to: address, amount: uint256) -> Bytes[32]:
    assert self.manner != Manner.REVERTS, "token: stuck"
    if self.manner == Manner.RETURNS_FALSE:
        return abi_encode(False)
    if self.manner == Manner.REENTERS:
        raw_call(self.target, self.call)
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount - (1 if self.manner == Manner.TAKES_FEE else 0)
    if self.manner == Manner.RETURNS_NOTHING:
        return b""
    return abi_encode(True)
