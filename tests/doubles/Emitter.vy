# pragma version 0.4.3
"""
@title Emitter
@notice Leaves events, returns a struct and refuses large numbers, for tests of the chain client.
"""

event Noted:
    sender: indexed(address)
    number: uint256
    text: String[32]

struct Pair:
    number: uint256
    data: Bytes[8]

total: public(uint256)


@external
@payable
def note(number: uint256, text: String[32] = "nothing"):
    assert number < 1000, "emitter: too large"
    self.total += number
    log Noted(sender=msg.sender, number=number, text=text)


@external
@view
def pair(number: uint256) -> Pair:
    assert number < 1000, "emitter: too large"
    return Pair(number=number, data=b"abc")
