# pragma version 0.4.3
"""
@title Recording reward
@notice Remembers what it was given last.
"""

before: public(uint256)
sectors: public(uint256)
amount: public(uint256)


@external
@payable
def fillReward(beforeLength: uint256, chargedSectors: uint256):
    self.before = beforeLength
    self.sectors = chargedSectors
    self.amount = msg.value
