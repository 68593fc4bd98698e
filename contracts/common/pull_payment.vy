# pragma version 0.4.3
"""
@title Pull payment
@notice Amounts that are owed, and paid when asked for: no payee's code runs while anybody else's work is done.
"""
from contracts.interfaces import IPullPayment

# Wei owed, by payee.
owed: HashMap[address, uint256]


@view
@external
def payments(payee: address) -> uint256:
    return self.owed[payee]


@external
@nonreentrant
def withdrawPayments(payee: address):
    amount: uint256 = self.owed[payee]
    self.owed[payee] = 0
    log IPullPayment.PaymentWithdrawn(payee=payee, amount=amount)
    raw_call(payee, b"", value=amount)


@internal
def _owe(payee: address, amount: uint256):
    self.owed[payee] += amount
