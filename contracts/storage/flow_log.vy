# pragma version 0.4.3
"""
@title Flow log
@notice Takes submissions one by one or in batches: checks, places, tells, charges.
"""
from contracts.common import bounds
from contracts.interfaces import IFlow
from contracts.storage import flow_epochs
from contracts.storage import flow_head
from contracts.storage import flow_tree
from contracts.storage import storage_fee
from contracts.storage import submission
from contracts.storage import submission_calldata

uses: flow_head
uses: flow_tree
uses: flow_epochs
uses: storage_fee


# Gas that a call has to begin with: for opening an epoch and settling, for the first file of the deepest flow, for each
# file, for each byte of calldata. Clients send what eth_estimateGas says; by the time they are included, others may have
# made the tree deeper, or an epoch may have fallen due. What a call does not use is not paid.
BEGIN_GAS: constant(uint256) = 600_000
FILE_GAS: constant(uint256) = 100_000
BYTE_GAS: constant(uint256) = 24


struct Placement:
    # Sequence number.
    index: uint256
    # Digest of the node roots.
    identity: bytes32
    # First sector, number of sectors.
    start: uint256
    sectors: uint256


@internal
def _begin(files: uint256) -> (flow_head.Head, bool):
    """@notice The head after opening the epochs that are due, and whether any was; reverts when paused or too early."""
    needed: uint256 = BEGIN_GAS + FILE_GAS * files + BYTE_GAS * len(msg.data)
    assert msg.gas >= needed, "flow: gas limit too tight"
    head: flow_head.Head = flow_head._load()
    assert block.timestamp >= head.pausedUntil, "flow: paused"
    due: uint256 = head.epochDue
    head = flow_epochs._open_due(head, flow_epochs.ALL)
    return head, head.epochDue != due


@internal
def _place(
    head: flow_head.Head, length: uint256, nodes: DynArray[IFlow.Node, bounds.MAX_NODES]
) -> (flow_head.Head, Placement):
    """@notice Append a file of `length` bytes; returns the head after it, not stored yet, and its place."""
    sectors: uint256 = submission._sectors(length, nodes)
    start: uint256 = flow_tree._place(head.length, sectors, nodes[0].height)
    assert start + sectors <= flow_head.MAX_LENGTH, "flow: full"
    flow_tree.roots[head.submissions] = flow_tree._append(head.length, start, nodes)
    placement: Placement = Placement(
        index=head.submissions, identity=submission._identity(nodes), start=start, sectors=sectors
    )
    after: flow_head.Head = head
    after.length = start + sectors
    after.submissions += 1
    return after, placement


@internal
def _tell(placement: Placement, data: IFlow.SubmissionData, submitter: address):
    assert submitter != empty(address), "flow: no submitter"
    log IFlow.Submit(
        sender=submitter,
        identity=placement.identity,
        submissionIndex=placement.index,
        startPos=placement.start,
        length=placement.sectors,
        submission=data,
    )
    if submitter != msg.sender:
        log IFlow.SubmissionCaller(submissionIndex=placement.index, caller=msg.sender)


@payable
@internal
def _finish(head: flow_head.Head, sectors: uint256, opened: bool):
    """@notice Charge `sectors`, store the head, settle with the market when an epoch was opened, refund."""
    flow_head._store(storage_fee._charge(head, sectors))
    if opened:
        storage_fee._settle()
    storage_fee._refund(sectors * head.price)


@payable
@internal
def _submit_old() -> Bytes[bounds.MAX_BATCH_RETURN]:
    """@return ABI-encoded sequence number, identity, first sector, number of sectors."""
    data: IFlow.SubmissionData = submission_calldata._only()
    head: flow_head.Head = empty(flow_head.Head)
    opened: bool = False
    head, opened = self._begin(1)
    placement: Placement = empty(Placement)
    head, placement = self._place(head, data.length, data.nodes)
    self._tell(placement, data, msg.sender)
    self._finish(head, placement.sectors, opened)
    return abi_encode(placement.index, placement.identity, placement.start, placement.sectors)


@payable
@internal
def _submit_batch(named: bool) -> Bytes[bounds.MAX_BATCH_RETURN]:
    """
    @param named Whether each submission names its submitter; the caller is, otherwise.
    @return ABI-encoded sequence numbers, identities, first sectors, numbers of sectors.
    """
    indices: DynArray[uint256, bounds.MAX_BATCH] = []
    identities: DynArray[bytes32, bounds.MAX_BATCH] = []
    starts: DynArray[uint256, bounds.MAX_BATCH] = []
    lengths: DynArray[uint256, bounds.MAX_BATCH] = []
    elements: uint256 = 0
    count: uint256 = 0
    elements, count = submission_calldata._batch()
    assert count > 0, "flow: empty batch"
    head: flow_head.Head = empty(flow_head.Head)
    opened: bool = False
    head, opened = self._begin(count)
    charged: uint256 = 0
    for i: uint256 in range(count, bound=bounds.MAX_BATCH):
        data: IFlow.SubmissionData = empty(IFlow.SubmissionData)
        submitter: address = empty(address)
        data, submitter = submission_calldata._element(elements, i, named)
        placement: Placement = empty(Placement)
        head, placement = self._place(head, data.length, data.nodes)
        self._tell(placement, data, submitter)
        indices.append(placement.index)
        identities.append(placement.identity)
        starts.append(placement.start)
        lengths.append(placement.sectors)
        charged += placement.sectors
    self._finish(head, charged, opened)
    return abi_encode(indices, identities, starts, lengths)
