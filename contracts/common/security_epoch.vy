# pragma version 0.4.3
"""
@title Security epoch
@notice The clock that vault, networks, checkpoints and beacon share: Unix time in steps of EPOCH seconds.
"""

# Seconds.
EPOCH: immutable(uint256)


@deploy
def __init__(epoch: uint256):
    assert epoch > 0, "epoch: no length"
    EPOCH = epoch


@view
@internal
def _now() -> uint256:
    return block.timestamp // EPOCH
