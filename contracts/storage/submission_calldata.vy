# pragma version 0.4.3
"""
@title Submission calldata
@notice Reads submissions where they lie in the calldata, ABI-encoded, instead of decoding a whole batch into memory.
@dev Every position is checked: `slice` refuses to read beyond the calldata, and no offset may exceed MAX_OFFSET, so
     that additions cannot wrap. Encodings that alias or overlap are read as any other decoder reads them.
"""
from contracts.common import bounds
from contracts.interfaces import IFlow

# Calldata never is that long.
MAX_OFFSET: constant(uint256) = 2**32

# Where the arguments begin.
ARGUMENTS: constant(uint256) = 4


@view
@internal
def _word(at: uint256) -> uint256:
    return convert(slice(msg.data, at, 32), uint256)


@view
@internal
def _follow(base: uint256, at: uint256) -> uint256:
    """@notice Position of the tail whose offset from `base` stands at `at`."""
    offset: uint256 = self._word(at)
    assert offset < MAX_OFFSET, "flow: bad calldata"
    return base + offset


@view
@internal
def _only() -> IFlow.SubmissionData:
    """@notice The submission data that is the only argument."""
    return self._data(self._follow(ARGUMENTS, ARGUMENTS))


@view
@internal
def _batch() -> (uint256, uint256):
    """@notice Position of the first element's head, and the length, of the array that is the only argument."""
    array: uint256 = self._follow(ARGUMENTS, ARGUMENTS)
    count: uint256 = self._word(array)
    assert count <= bounds.MAX_BATCH, "flow: batch too long"
    return array + 32, count


@view
@internal
def _element(elements: uint256, index: uint256, named: bool) -> (IFlow.SubmissionData, address):
    """@notice Element `index` of a batch and its submitter: the one it names, or the caller."""
    at: uint256 = self._follow(elements, elements + 32 * index)
    if not named:
        return self._data(at), msg.sender
    submitter: uint256 = self._word(at + 32)
    assert submitter < 2**160, "flow: bad calldata"
    return self._data(self._follow(at, at)), convert(submitter, address)


@view
@internal
def _data(at: uint256) -> IFlow.SubmissionData:
    """@notice The submission data whose head is at `at`: length, offset of tags, offset of nodes."""
    nodes: DynArray[IFlow.Node, bounds.MAX_NODES] = []
    array: uint256 = self._follow(at, at + 64)
    count: uint256 = self._word(array)
    assert count <= bounds.MAX_NODES, "flow: too many nodes"
    for i: uint256 in range(count, bound=bounds.MAX_NODES):
        node: uint256 = array + 32 + 64 * i
        nodes.append(IFlow.Node(root=convert(self._word(node), bytes32), height=self._word(node + 32)))
    return IFlow.SubmissionData(length=self._word(at), tags=self._tags(self._follow(at, at + 32)), nodes=nodes)


@view
@internal
def _tags(at: uint256) -> Bytes[bounds.MAX_TAG_BYTES]:
    length: uint256 = self._word(at)
    if length == 0:
        return b""
    assert length <= bounds.MAX_TAG_BYTES, "flow: tags too long"
    words: bytes32[bounds.MAX_TAG_BYTES // 32] = empty(bytes32[bounds.MAX_TAG_BYTES // 32])
    for i: uint256 in range((length + 31) // 32, bound=bounds.MAX_TAG_BYTES // 32):
        words[i] = convert(slice(msg.data, at + 32 + 32 * i, 32), bytes32)
    return slice(abi_encode(words), 0, length)
