# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Flow
@notice The append-only log of files: places submissions, charges for them, keeps roots and mining contexts.
@dev Trusts the market for the price only. Nobody can change what was appended, and there is no upgrade.
@custom:kill The guardian's or governor's `pause` refuses new submissions; epochs, proofs and views go on.
"""
from contracts.common import bounds
from contracts.common import roles
from contracts.interfaces import IFlow
from contracts.interfaces import IPausable
from contracts.interfaces import IRoles
from contracts.storage import flow_epochs
from contracts.storage import flow_head
from contracts.storage import flow_log
from contracts.storage import flow_tree
from contracts.storage import storage_fee
from contracts.storage import submission_calldata

implements: IFlow
implements: IPausable
implements: IRoles
initializes: roles
initializes: flow_head
initializes: flow_tree
initializes: flow_epochs[flow_tree := flow_tree]
initializes: storage_fee[flow_head := flow_head]
initializes: flow_log[
    flow_head := flow_head, flow_tree := flow_tree, flow_epochs := flow_epochs, storage_fee := storage_fee
]

exports: (
    roles.governor,
    roles.pendingGovernor,
    roles.guardian,
    roles.proposeGovernor,
    roles.acceptGovernor,
    roles.setGuardian,
)

# Selectors that the fallback answers: interfaces/IFlowFallback.vyi.
BATCH_SUBMIT: constant(bytes4) = 0x49aa3395
OLD_SUBMIT: constant(bytes4) = 0xef3e12dc
OLD_BATCH_SUBMIT: constant(bytes4) = 0x9e62a38e


@deploy
def __init__(
    governor: address, guardian: address, market: address, first_block: uint256, blocks_per_epoch: uint256
):
    """
    @param first_block Block from which submissions are taken; 0 for the present one.
    @param blocks_per_epoch Length of a mining epoch.
    """
    roles.__init__(governor, guardian)
    flow_tree.__init__()
    flow_epochs.__init__(first_block if first_block != 0 else block.number, blocks_per_epoch)
    storage_fee.__init__(market)
    flow_head._store(
        flow_head.Head(
            length=1,
            submissions=0,
            epochDue=flow_epochs._start_of(1),
            pausedUntil=0,
            unsettled=0,
            price=storage_fee._offered(),
        )
    )


@external
@payable
@nonreentrant
def submit(submission: IFlow.Submission) -> (uint256, bytes32, uint256, uint256):
    """@notice Append a file; what is paid above the fee returns to the caller."""
    head: flow_head.Head = empty(flow_head.Head)
    opened: bool = False
    head, opened = flow_log._begin(1)
    placement: flow_log.Placement = empty(flow_log.Placement)
    head, placement = flow_log._place(head, submission.data.length, submission.data.nodes)
    flow_log._tell(placement, submission.data, submission.submitter)
    flow_log._finish(head, placement.sectors, opened)
    return placement.index, placement.identity, placement.start, placement.sectors


@external
@payable
@nonreentrant
@raw_return
def __default__() -> Bytes[bounds.MAX_BATCH_RETURN]:
    """@notice Batches, and both entry points of the ABI from before January 2026: interfaces/IFlowFallback.vyi."""
    assert len(msg.data) >= 4, "flow: no plain payments"
    selector: bytes4 = convert(slice(msg.data, 0, 4), bytes4)
    if selector == OLD_SUBMIT:
        return flow_log._submit_old()
    assert selector == BATCH_SUBMIT or selector == OLD_BATCH_SUBMIT, "flow: unknown function"
    return flow_log._submit_batch(selector == BATCH_SUBMIT)


@external
@nonreentrant
def pause():
    """@notice Refuse new submissions for seven days."""
    head: flow_head.Head = flow_head._load()
    head.pausedUntil = roles._pause()
    flow_head._store(head)


@external
@nonreentrant
def unpause():
    """@notice Accept submissions again."""
    roles._unpause()
    head: flow_head.Head = flow_head._load()
    head.pausedUntil = 0
    flow_head._store(head)


@view
@external
def paused() -> bool:
    """@notice Whether submissions are refused now."""
    return block.timestamp < flow_head._load().pausedUntil


@view
@external
def pausedUntil() -> uint256:
    """@notice Unix time at which the pause ends."""
    return flow_head._load().pausedUntil


@external
@nonreentrant
def setMarket(market: address):
    """@notice Settle with the present market and appoint another, with its price; governor only."""
    roles._check_governor()
    storage_fee._settle()
    storage_fee._appoint(market)
    self._take_price()


@external
@nonreentrant
def updatePrice():
    """@notice Take over the market's price; anybody, and the market itself when it changes it."""
    self._take_price()


@external
@nonreentrant
def settle():
    """@notice Send the fees gathered so far to the market; anybody."""
    storage_fee._settle()


@external
@nonreentrant
def makeContext():
    """@notice Open the epochs that are due."""
    self._open_epochs(flow_epochs.ALL)


@external
@nonreentrant
def makeContextFixedTimes(cnt: uint256):
    """@notice Open at most `cnt` of the epochs that are due."""
    self._open_epochs(cnt)


@external
@nonreentrant
def makeContextWithResult() -> IFlow.MineContext:
    """@notice Open the epochs that are due and return the newest context."""
    self._open_epochs(flow_epochs.ALL)
    return flow_epochs._context()


@external
@nonreentrant
def makeContextWithRange(digest: bytes32) -> (IFlow.MineContext, IFlow.EpochRange):
    """@notice Open the epochs that are due; the newest context, and the sectors that the context `digest` seals."""
    self._open_epochs(flow_epochs.ALL)
    return flow_epochs._context(), flow_epochs._range(digest)


@external
@nonreentrant
def queryContextAtPosition(targetPosition: uint128) -> IFlow.EpochRangeWithContextDigest:
    """@notice The range that holds a sector, after opening the epochs that are due."""
    self._open_epochs(flow_epochs.ALL)
    return flow_epochs._range_holding(convert(targetPosition, uint256))


@internal
def _take_price():
    # Fees at the old price go to what they were paid for, also if one of both prices is nothing.
    storage_fee._settle()
    head: flow_head.Head = flow_head._load()
    head.price = storage_fee._market_price()
    flow_head._store(head)
    log IFlow.PriceTaken(pricePerSector=head.price)


@internal
def _open_epochs(limit: uint256):
    head: flow_head.Head = flow_head._load()
    due: uint256 = head.epochDue
    head = flow_epochs._open_due(head, limit)
    if head.epochDue != due:
        flow_head._store(head)
        storage_fee._settle()


@view
@external
def pricePerSector() -> uint256:
    """@notice Wei for one sector, as charged now."""
    return flow_head._load().price


@view
@external
def pendingFees() -> uint256:
    """@notice Wei that were charged and not settled yet."""
    head: flow_head.Head = flow_head._load()
    return storage_fee.carried + head.unsettled * head.price


@view
@external
def market() -> address:
    """@notice Who sets the price and receives the fees."""
    return storage_fee.market


@view
@external
def tree() -> (uint256, uint256):
    """@notice Length of the flow in sectors, and 0."""
    return flow_head._load().length, 0


@view
@external
def submissionIndex() -> uint256:
    """@notice Sequence number that the next submission gets."""
    return flow_head._load().submissions


@view
@external
def numSubmissions() -> uint256:
    """@notice Number of submissions."""
    return flow_head._load().submissions


@view
@external
def getFlowRootByTxSeq(txSeq: uint256) -> bytes32:
    """@notice Root of the flow just after a submission."""
    return flow_tree.roots[txSeq]


@view
@external
def computeFlowRoot() -> bytes32:
    """@notice Root of the flow now."""
    return flow_epochs._root_after(flow_head._load().submissions)


@view
@external
def firstBlock() -> uint256:
    """@notice Block in which epoch 0 starts."""
    return flow_epochs.FIRST_BLOCK


@view
@external
def blocksPerEpoch() -> uint256:
    """@notice Length of a mining epoch in blocks."""
    return flow_epochs.BLOCKS_PER_EPOCH


@view
@external
def epoch() -> uint256:
    """@notice The epoch that was opened last."""
    return flow_epochs._context().epoch


@view
@external
def epochStartPosition() -> uint256:
    """@notice First sector that no epoch's range covers yet."""
    return flow_epochs._unsealed()


@view
@external
def getContext() -> IFlow.MineContext:
    """@notice The context that was opened last."""
    return flow_epochs._context()


@view
@external
def getEpochRange(digest: bytes32) -> IFlow.EpochRange:
    """@notice Sectors that a context seals."""
    return flow_epochs._range(digest)


@view
@external
def getEpochRangeHistory(index: uint256) -> IFlow.EpochRangeWithContextDigest:
    """@notice A range by its number."""
    return flow_epochs._range_at(index)


@view
@external
def numEpochRanges() -> uint256:
    """@notice Number of ranges in the history."""
    return flow_epochs.history_length


@view
@external
def rootHistory() -> address:
    """@notice Who answers `at`, `available` and `contains`."""
    return self


@view
@external
def at(index: uint256) -> bytes32:
    """@notice Root of the flow when epoch `index` + 1 was opened."""
    return flow_epochs._root_at(index)


@view
@external
def available(index: uint256) -> bool:
    """@notice Whether `at(index)` answers."""
    return flow_epochs._opening_of(index + 1) < flow_epochs.history_length


@view
@external
def contains(digest: bytes32) -> bool:
    """@notice Whether `digest` was the root at one of the last thousand openings."""
    return flow_epochs._was_root(digest)
