# pragma version 0.4.3
"""
@title Flow epochs
@notice Mining epochs, the context each opens, and the range of sectors each context seals.
        Model: offchain/protocol/epochs.py.
@dev Opening costs the same however long nobody called: see IFlow.makeContext.
"""
from contracts.common import block_hash
from contracts.interfaces import IFlow
from contracts.storage import flow_head
from contracts.storage import flow_tree

uses: flow_tree

# keccak256(""): stands for a block hash that is not known, and for the context that cannot be formed without it.
UNKNOWN: constant(bytes32) = keccak256(b"")

# Openings that `contains` looks through.
ROOT_WINDOW: constant(uint256) = 1_000

# Openings that are ever due at once: the oldest known and the newest.
ALL: constant(uint256) = 2

MASK: constant(uint256) = 2**48 - 1

# First block of epoch 0.
FIRST_BLOCK: immutable(uint256)

BLOCKS_PER_EPOCH: immutable(uint256)

# The newest context: epoch | mineStart << 48 | flowLength << 96 | submissions then << 144 | first unsealed sector << 192
context: uint256
context_block_digest: bytes32
context_digest: bytes32

# By context digest: start | end << 48 | epoch << 96 | submissions then << 144
ranges: HashMap[bytes32, uint256]

# Digests in the order of their opening, and how many there are.
history: HashMap[uint256, bytes32]
history_length: uint256


@deploy
def __init__(first_block: uint256, blocks_per_epoch: uint256):
    assert blocks_per_epoch > 0 and blocks_per_epoch < 2**32, "flow: bad epoch length"
    assert first_block >= block.number and first_block < 2**40, "flow: bad first block"
    FIRST_BLOCK = first_block
    BLOCKS_PER_EPOCH = blocks_per_epoch
    self.context = (first_block << 48) | (1 << 96)
    self.context_block_digest = UNKNOWN
    self.context_digest = UNKNOWN


@view
@internal
def _start_of(epoch: uint256) -> uint256:
    return FIRST_BLOCK + epoch * BLOCKS_PER_EPOCH


@view
@internal
def _root_after(submissions: uint256) -> bytes32:
    """@notice Root of the flow after that many submissions; before the first it is the zero word of sector 0."""
    if submissions == 0:
        return empty(bytes32)
    return flow_tree.roots[submissions - 1]


@internal
def _open_due(head: flow_head.Head, limit: uint256) -> flow_head.Head:
    """@notice Open at most `limit` of the epochs that are due; returns `head` with the start of the next one."""
    assert block.number >= FIRST_BLOCK, "flow: not launched"
    if head.epochDue >= block.number or limit == 0:
        return head
    opened: uint256 = (self.context & MASK) + 1
    newest: uint256 = (block.number - 1 - FIRST_BLOCK) // BLOCKS_PER_EPOCH
    hash: bytes32 = empty(bytes32)
    opened, hash = self._oldest_known(opened, newest)
    self._open(opened, hash, head)
    if opened < newest and limit > 1:
        opened = newest
        self._open(newest, block_hash._of(self._start_of(newest)), head)
    after: flow_head.Head = head
    after.epochDue = self._start_of(opened + 1)
    return after


@view
@internal
def _oldest_known(oldest: uint256, newest: uint256) -> (uint256, bytes32):
    """@notice The first of the epochs `oldest` to `newest` whose block hash is known; `newest` and nothing if none is."""
    for window: uint256 in [block_hash.HISTORY_WINDOW, block_hash.OPCODE_WINDOW]:
        epoch: uint256 = oldest
        if block.number > window + FIRST_BLOCK:
            past: uint256 = block.number - window - FIRST_BLOCK
            epoch = max(oldest, (past + BLOCKS_PER_EPOCH - 1) // BLOCKS_PER_EPOCH)
        if epoch <= newest:
            hash: bytes32 = block_hash._of(self._start_of(epoch))
            if hash != empty(bytes32):
                return epoch, hash
    return newest, empty(bytes32)


@internal
def _open(epoch: uint256, known_hash: bytes32, head: flow_head.Head):
    """@notice Make `epoch` the newest context. Without its block hash the unsealed sectors wait for a later one."""
    root: bytes32 = self._root_after(head.submissions)
    unsealed: uint256 = self._unsealed()
    hash: bytes32 = UNKNOWN
    digest: bytes32 = UNKNOWN
    if known_hash != empty(bytes32):
        hash = known_hash
        digest = keccak256(abi_encode(hash, root, head.length))
        self.ranges[digest] = unsealed | (head.length << 48) | (epoch << 96) | (head.submissions << 144)
        self.history[self.history_length] = digest
        self.history_length += 1
        unsealed = head.length
    self.context = (
        epoch
        | (self._start_of(epoch) << 48)
        | (head.length << 96)
        | (head.submissions << 144)
        | (unsealed << 192)
    )
    self.context_block_digest = hash
    self.context_digest = digest
    log IFlow.NewEpoch(
        sender=msg.sender,
        index=epoch,
        startMerkleRoot=root,
        submissionIndex=head.submissions,
        flowLength=head.length,
        context=digest,
    )


@view
@internal
def _unsealed() -> uint256:
    return self.context >> 192


@view
@internal
def _context() -> IFlow.MineContext:
    word: uint256 = self.context
    return IFlow.MineContext(
        epoch=word & MASK,
        mineStart=(word >> 48) & MASK,
        flowRoot=self._root_after((word >> 144) & MASK),
        flowLength=(word >> 96) & MASK,
        blockDigest=self.context_block_digest,
        digest=self.context_digest,
    )


@view
@internal
def _range(digest: bytes32) -> IFlow.EpochRange:
    word: uint256 = self.ranges[digest]
    return IFlow.EpochRange(start=convert(word & MASK, uint128), end=convert((word >> 48) & MASK, uint128))


@view
@internal
def _range_at(index: uint256) -> IFlow.EpochRangeWithContextDigest:
    assert index < self.history_length, "flow: no such range"
    digest: bytes32 = self.history[index]
    covered: IFlow.EpochRange = self._range(digest)
    return IFlow.EpochRangeWithContextDigest(start=covered.start, end=covered.end, digest=digest)


@view
@internal
def _range_holding(sector: uint256) -> IFlow.EpochRangeWithContextDigest:
    """@notice The range that holds `sector`. Ends never fall, so the first range that ends behind it is the one."""
    assert sector < self._unsealed(), "flow: position not sealed"
    low: uint256 = 0
    high: uint256 = self.history_length
    for i: uint256 in range(64):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        if (self.ranges[self.history[middle]] >> 48) & MASK > sector:
            high = middle
        else:
            low = middle + 1
    return self._range_at(low)


@view
@internal
def _opening_of(epoch: uint256) -> uint256:
    """@notice Number in the history of the opening of `epoch`, the history's length when it was passed over."""
    low: uint256 = 0
    high: uint256 = self.history_length
    for i: uint256 in range(64):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        if (self.ranges[self.history[middle]] >> 96) & MASK >= epoch:
            high = middle
        else:
            low = middle + 1
    if low < self.history_length and (self.ranges[self.history[low]] >> 96) & MASK == epoch:
        return low
    return self.history_length


@view
@internal
def _root_at(index: uint256) -> bytes32:
    opening: uint256 = self._opening_of(index + 1)
    assert opening < self.history_length, "flow: epoch not recorded"
    return self._root_after(self.ranges[self.history[opening]] >> 144)


@view
@internal
def _was_root(digest: bytes32) -> bool:
    length: uint256 = self.history_length
    for i: uint256 in range(min(length, ROOT_WINDOW), bound=ROOT_WINDOW):
        if self._root_after(self.ranges[self.history[length - 1 - i]] >> 144) == digest:
            return True
    return False
