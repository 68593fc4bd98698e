# pragma version 0.4.3
"""
@title Told flow
@notice Answers the mine with contexts and ranges that a test makes up.
"""
from contracts.interfaces import IFlow

blocksPerEpoch: public(uint256)
context: IFlow.MineContext
ranges: HashMap[bytes32, IFlow.EpochRange]


@deploy
def __init__(blocks_per_epoch: uint256):
    self.blocksPerEpoch = blocks_per_epoch


@external
def tell(context: IFlow.MineContext):
    self.context = context


@external
def seal(digest: bytes32, start: uint128, end: uint128):
    self.ranges[digest] = IFlow.EpochRange(start=start, end=end)


@external
def makeContextWithResult() -> IFlow.MineContext:
    return self.context


@external
def makeContextWithRange(digest: bytes32) -> (IFlow.MineContext, IFlow.EpochRange):
    return self.context, self.ranges[digest]


@view
@external
def getEpochRange(digest: bytes32) -> IFlow.EpochRange:
    return self.ranges[digest]
