# pragma version 0.4.3
"""
@title Token payments
@notice Takes tokens in the amount that was asked for, or not at all; owes tokens, and pays when asked.
@dev Works with tokens that return nothing. Refuses those that take a fee on the way in; what a token does to balances
     later is never read.
"""
from ethereum.ercs import IERC20

from contracts.interfaces import ITokenPayments

# By token and payee.
owed: HashMap[address, HashMap[address, uint256]]


@internal
def _take(token: address, payer: address, amount: uint256):
    before: uint256 = staticcall IERC20(token).balanceOf(self)
    taken: bool = extcall IERC20(token).transferFrom(payer, self, amount, default_return_value=True)
    assert taken, "token: transfer refused"
    assert staticcall IERC20(token).balanceOf(self) == before + amount, "token: takes a fee"


@internal
def _pay(token: address, payee: address, amount: uint256):
    assert extcall IERC20(token).transfer(payee, amount, default_return_value=True), "token: payment refused"


@internal
def _owe(token: address, payee: address, amount: uint256):
    self.owed[token][payee] += amount


@view
@external
def payments(token: address, payee: address) -> uint256:
    return self.owed[token][payee]


@external
@nonreentrant
def withdrawPayment(token: address, payee: address) -> uint256:
    amount: uint256 = self.owed[token][payee]
    self.owed[token][payee] = 0
    log ITokenPayments.PaymentWithdrawn(token=token, payee=payee, amount=amount)
    if amount > 0:
        self._pay(token, payee, amount)
    return amount
