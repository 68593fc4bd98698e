# pragma version 0.4.3
"""
@title Service fee
@notice Sets the treasury's share aside and pays it when asked.
"""
from contracts.common import roles
from contracts.interfaces import IServiceFee

uses: roles

# A governor that is captured must not turn all fees into its own.
MAX_RATE_BPS: constant(uint256) = 2_000
BPS: constant(uint256) = 10_000

# Who may withdraw the service fee.
treasury: public(address)

# The treasury's share in ten-thousandths.
serviceFeeRateBps: public(uint256)

# Wei set aside and not withdrawn.
serviceFeeDue: public(uint256)


@deploy
def __init__(treasury: address, rate_bps: uint256):
    self._set(treasury, rate_bps)


@external
def setServiceFee(treasury: address, rateBps: uint256):
    roles._check_governor()
    self._set(treasury, rateBps)


@external
@nonreentrant
def withdrawServiceFee():
    due: uint256 = self.serviceFeeDue
    self.serviceFeeDue = 0
    log IServiceFee.ServiceFeeWithdrawn(treasury=self.treasury, amount=due)
    raw_call(self.treasury, b"", value=due)


@internal
def _set(treasury: address, rate_bps: uint256):
    assert rate_bps <= MAX_RATE_BPS, "fee: rate too high"
    # What is due would go to nobody.
    assert treasury != empty(address) or (rate_bps == 0 and self.serviceFeeDue == 0), "fee: no treasury"
    self.treasury = treasury
    self.serviceFeeRateBps = rate_bps
    log IServiceFee.ServiceFeeSet(treasury=treasury, rateBps=rate_bps)


@internal
def _take(amount: uint256) -> uint256:
    """@notice Set the treasury's share of `amount` aside; returns the rest."""
    rate: uint256 = self.serviceFeeRateBps
    if rate == 0:
        return amount
    share: uint256 = amount * rate // BPS
    self.serviceFeeDue += share
    return amount - share
