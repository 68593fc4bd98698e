# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Chunk reward
@notice Pays storage fees to miners: each pricing chunk releases its own fees, and a proof on a chunk gets half of what is
        claimable there.
@dev Trusts the market for which sectors a fee is for, and the mine for who proved what. The governor sets the service fee
     within its bound and the base reward; nobody can take fees out but by proofs.
@custom:kill Nothing to stop here: the market's and the mine's `setReward` appoint another contract for later fees and
             proofs.
"""
from contracts.common import pull_payment
from contracts.common import roles
from contracts.interfaces import IChunkReward
from contracts.interfaces import IMineReward
from contracts.interfaces import IPullPayment
from contracts.interfaces import IReward
from contracts.interfaces import IRoles
from contracts.interfaces import IServiceFee
from contracts.storage import base_reward
from contracts.storage import chunk_release
from contracts.storage import chunk_runs
from contracts.storage import service_fee

implements: IChunkReward
implements: IMineReward
implements: IPullPayment
implements: IReward
implements: IRoles
implements: IServiceFee
initializes: roles
initializes: pull_payment
initializes: chunk_release
initializes: chunk_runs
initializes: base_reward[roles := roles]
initializes: service_fee[roles := roles]

exports: (
    roles.governor,
    roles.pendingGovernor,
    roles.guardian,
    roles.proposeGovernor,
    roles.acceptGovernor,
    roles.setGuardian,
    service_fee.treasury,
    service_fee.serviceFeeRateBps,
    service_fee.serviceFeeDue,
    service_fee.setServiceFee,
    service_fee.withdrawServiceFee,
    base_reward.baseReward,
    base_reward.totalBaseReward,
    base_reward.setBaseReward,
    base_reward.donate,
    pull_payment.payments,
    pull_payment.withdrawPayments,
)

# Who forwards fees, and who reports proofs.
MARKET: immutable(address)
MINE: immutable(address)

# Sectors of a pricing chunk.
PRICING_CHUNK: immutable(uint256)

# Packed state of a chunk: chunk_release.
chunks: HashMap[uint256, uint256]

# Wei that a chunk was ever given, for those not in a run.
filled: HashMap[uint256, uint256]

# Chunks that fees were ever taken for: none from this one on.
known_chunks: uint256


@deploy
def __init__(
    governor: address,
    market: address,
    mine: address,
    pricing_chunk: uint256,
    term: uint256,
    kept: uint256,
    treasury: address,
    service_fee_bps: uint256,
):
    """
    @param pricing_chunk Sectors; a multiple of a segment.
    @param term Seconds over which fees are released evenly; 0 for a decaying release.
    @param kept Share that stays locked each second, times 2^128; 0 for an even release.
    """
    assert pricing_chunk > 0 and pricing_chunk % 1_024 == 0, "reward: bad chunk"
    roles.__init__(governor, empty(address))
    service_fee.__init__(treasury, service_fee_bps)
    chunk_release.__init__(term, kept)
    MARKET = market
    MINE = mine
    PRICING_CHUNK = pricing_chunk


@external
@payable
def fillReward(beforeLength: uint256, chargedSectors: uint256):
    """@notice Spread a fee over the chunks of its sectors, in proportion; the market only."""
    assert msg.sender == MARKET, "reward: not the market"
    assert chargedSectors > 0, "reward: no sectors"
    fee: uint256 = service_fee._take(msg.value)
    end: uint256 = beforeLength + chargedSectors
    first: uint256 = beforeLength // PRICING_CHUNK
    last: uint256 = (end - 1) // PRICING_CHUNK
    rest: uint256 = fee
    if first < last:
        head: uint256 = fee * ((first + 1) * PRICING_CHUNK - beforeLength) // chargedSectors
        self._fill(first, head)
        rest -= head
    if first + 1 < last:
        each: uint256 = fee * PRICING_CHUNK // chargedSectors
        chunk_runs._add(first + 1, last - first - 1, each)
        rest -= each * (last - first - 1)
    self._fill(last, rest)
    if last >= self.known_chunks:
        self.known_chunks = last + 1


@external
def claimMineReward(pricingIndex: uint256, beneficiary: address, minerId: bytes32):
    """@notice Owe a proof its reward; the mine only."""
    assert msg.sender == MINE, "reward: not the mine"
    chunk: chunk_release.Chunk = self._taken_out(pricingIndex)
    amount: uint256 = 0
    # A chunk whose fees have not come yet must stay unknown, or a run that brings them would be passed over.
    if chunk.last > 0:
        chunk = chunk_release._accrued(chunk, block.timestamp)
        amount = chunk.claimable // 2
        chunk.claimable -= amount
        self.chunks[pricingIndex] = chunk_release._pack(chunk)
        if chunk_release._is_live(chunk, block.timestamp):
            amount += base_reward._take()
        pull_payment._owe(beneficiary, amount)
    log IChunkReward.DistributeReward(
        pricingIndex=pricingIndex, beneficiary=beneficiary, minerId=minerId, amount=amount
    )


@internal
def _fill(index: uint256, amount: uint256):
    chunk: chunk_release.Chunk = self._taken_out(index)
    self.chunks[index] = chunk_release._pack(chunk_release._filled(chunk, amount, block.timestamp))
    self.filled[index] += amount


@internal
def _taken_out(index: uint256) -> chunk_release.Chunk:
    """@notice The chunk `index`, which from now on stands for itself even if it came in a run."""
    word: uint256 = self.chunks[index]
    if word == 0:
        chunk: chunk_release.Chunk = empty(chunk_release.Chunk)
        filled: uint256 = 0
        chunk, filled = self._in_run(index)
        if filled > 0:
            self.filled[index] = filled
        return chunk
    return chunk_release._unpack(word)


@view
@internal
def _chunk(index: uint256) -> (chunk_release.Chunk, uint256):
    """@notice The chunk `index` as it was last updated, and what it was ever given."""
    word: uint256 = self.chunks[index]
    if word != 0:
        return chunk_release._unpack(word), self.filled[index]
    return self._in_run(index)


@view
@internal
def _in_run(index: uint256) -> (chunk_release.Chunk, uint256):
    """@notice The same for a chunk that came in a run; empty for one that no fee came for."""
    amount: uint256 = 0
    time: uint256 = 0
    amount, time = chunk_runs._find(index)
    if time == 0:
        return empty(chunk_release.Chunk), 0
    return chunk_release._filled(empty(chunk_release.Chunk), amount, time), amount


@view
@external
def rewards(pricingIndex: uint256) -> IChunkReward.Reward:
    """@notice What a chunk holds now."""
    chunk: chunk_release.Chunk = empty(chunk_release.Chunk)
    filled: uint256 = 0
    chunk, filled = self._chunk(pricingIndex)
    now: chunk_release.Chunk = chunk_release._accrued(chunk, block.timestamp)
    return IChunkReward.Reward(
        lockedReward=convert(now.locked, uint128),
        claimableReward=convert(now.claimable, uint128),
        distributedReward=convert(filled - now.locked - now.claimable, uint128),
        startTime=convert(self._start(chunk), uint40),
        lastUpdate=convert(chunk.last, uint40),
    )


@view
@internal
def _start(chunk: chunk_release.Chunk) -> uint256:
    """@notice When the release would have begun, had all that is left come at once."""
    return chunk.end - chunk_release.TERM if chunk.end > chunk_release.TERM else chunk.last


@view
@external
def rewardDeadline(pricingIndex: uint256) -> uint256:
    """@notice Unix time at which a chunk has released all; 0 when it never had anything."""
    chunk: chunk_release.Chunk = empty(chunk_release.Chunk)
    filled: uint256 = 0
    chunk, filled = self._chunk(pricingIndex)
    return chunk_release._deadline(chunk)


@view
@external
def firstRewardableChunk() -> (uint64, uint256):
    """@notice The first chunk whose deadline has not passed, and now; later chunks have later deadlines."""
    low: uint256 = 0
    high: uint256 = self.known_chunks
    for i: uint256 in range(48):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        chunk: chunk_release.Chunk = empty(chunk_release.Chunk)
        filled: uint256 = 0
        chunk, filled = self._chunk(middle)
        if chunk_release._deadline(chunk) > block.timestamp:
            high = middle
        else:
            low = middle + 1
    return convert(low, uint64), block.timestamp


@view
@external
def market() -> address:
    """@notice Who forwards fees."""
    return MARKET


@view
@external
def mine() -> address:
    """@notice Who reports proofs."""
    return MINE


@view
@external
def pricingChunk() -> uint256:
    """@notice Sectors of a pricing chunk."""
    return PRICING_CHUNK
