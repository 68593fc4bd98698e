# pragma version 0.4.3
"""
@title Pace probe
@notice Lets tests call what the mine's pace computes.
"""
from contracts.common import roles
from contracts.storage import mine_pace

initializes: roles
initializes: mine_pace[roles := roles]


@deploy
def __init__():
    roles.__init__(msg.sender, empty(address))
    mine_pace.__init__(100, 1, 1, False, 1, 100, 1, 0, 1, 1)


@view
@external
def after(
    target: uint256, wanted: uint256, got: uint256, ratio: uint256, last: uint256, epoch: uint256, easiest: uint256
) -> uint256:
    pace: mine_pace.Pace = empty(mine_pace.Pace)
    pace.lastMinedEpoch = last
    pace.submissions = got
    pace.targetSubmissions = wanted
    pace.adjustRatio = ratio
    return mine_pace._eased(target, pace, epoch, easiest)
