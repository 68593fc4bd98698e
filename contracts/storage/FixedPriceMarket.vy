# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Fixed-price market
@notice Charges one price for every sector and sends the fees on to the reward.
@dev Trusts the flow for what was submitted. Holds no money: when the reward refuses fees, the flow keeps them.
@custom:kill Nothing to stop here: pausing the flow stops new fees; `setReward` replaces a broken reward.
"""
from contracts.common import roles
from contracts.interfaces import IFixedPriceMarket
from contracts.interfaces import IFlow
from contracts.interfaces import IMarket
from contracts.interfaces import IReward
from contracts.interfaces import IRoles

implements: IFixedPriceMarket
implements: IMarket
implements: IRoles
initializes: roles

exports: (
    roles.governor,
    roles.pendingGovernor,
    roles.guardian,
    roles.proposeGovernor,
    roles.acceptGovernor,
    roles.setGuardian,
)

# Who charges fees here.
flow: public(address)

# Who receives them.
reward: public(address)

# Wei for one sector; more than any flow takes until `initialize` names it.
pricePerSector: public(uint256)


@deploy
def __init__(governor: address):
    roles.__init__(governor, empty(address))
    self.pricePerSector = max_value(uint256)


@external
def initialize(pricePerSector: uint256, flow: address, reward: address):
    """@notice Name the price, the flow and the reward; governor only, once."""
    roles._check_governor()
    assert self.flow == empty(address), "market: initialized"
    assert flow.is_contract, "market: flow has no code"
    self.flow = flow
    self._set_reward(reward)
    self._set_price(pricePerSector)


@external
def setPricePerSector(pricePerSector: uint256):
    """@notice Set the price from now on; governor only."""
    roles._check_governor()
    self._set_price(pricePerSector)


@external
def setReward(reward: address):
    """@notice Settle with the present reward and appoint another; governor only."""
    roles._check_governor()
    # Fees that users paid before go where they were paid for.
    if self.flow != empty(address):
        extcall IFlow(self.flow).settle()
    self._set_reward(reward)


@external
@payable
def chargeFee(beforeLength: uint256, uploadSectors: uint256, paddingSectors: uint256):
    """@notice Send fees on to the reward; the flow only."""
    assert msg.sender == self.flow, "market: not the flow"
    extcall IReward(self.reward).fillReward(beforeLength, paddingSectors + uploadSectors, value=msg.value)


@internal
def _set_price(price: uint256):
    self.pricePerSector = price
    log IFixedPriceMarket.PriceSet(pricePerSector=price)
    extcall IFlow(self.flow).updatePrice()


@internal
def _set_reward(reward: address):
    assert reward.is_contract, "market: reward has no code"
    self.reward = reward
    log IFixedPriceMarket.RewardSet(reward=reward)
