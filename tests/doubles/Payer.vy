# pragma version 0.4.3
"""
@title Payer
@notice A contract wallet: passes calls on, and treats refunds as told: keeps them, refuses them, calls back.
"""

refuses: public(bool)
callback: Bytes[2048]
callback_result: public(bool)
received: public(uint256)


@external
@payable
def __default__():
    assert not self.refuses, "payer: no refunds"
    self.received += msg.value
    if len(self.callback) > 0:
        self.callback_result = raw_call(msg.sender, self.callback, revert_on_failure=False)


@external
def setup(refuses: bool, callback: Bytes[2048]):
    self.refuses = refuses
    self.callback = callback


@external
@payable
def execute(target: address, data: Bytes[2048]):
    raw_call(target, data, value=msg.value)
