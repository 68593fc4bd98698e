# pragma version 0.4.3
"""
@title Refusing market
@notice A market that misbehaves on command: accepts, reverts, burns all gas, or calls back into the flow.
"""

flag Mood:
    ACCEPT
    REVERT
    BURN
    REENTER

interface IFlow:
    def settle(): nonpayable

mood: public(Mood)
pricePerSector: public(uint256)


@deploy
def __init__(price: uint256):
    self.pricePerSector = price
    self.mood = Mood.ACCEPT


@external
def behave(mood: Mood):
    self.mood = mood


@external
def setPricePerSector(price: uint256):
    self.pricePerSector = price


@external
@payable
def chargeFee(beforeLength: uint256, uploadSectors: uint256, paddingSectors: uint256):
    assert self.mood != Mood.REVERT
    if self.mood == Mood.BURN:
        for i: uint256 in range(2**32):
            self.pricePerSector = self.pricePerSector
    if self.mood == Mood.REENTER:
        extcall IFlow(msg.sender).settle()
