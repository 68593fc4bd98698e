# pragma version 0.4.3
"""
@title Chunk release
@notice How the fees of a pricing chunk become claimable: evenly over a term, or as a share of what is left each second.
        Model: offchain/protocol/reward.py.
@dev Every fill starts to be released at once. In the even mode fills of different times share one end, the mean of
     their own ones weighted by what is left of each: one word a chunk is enough, and nobody waits for a chunk to fill up.
"""

struct Chunk:
    # Wei not released yet.
    locked: uint256
    # Wei released and not paid.
    claimable: uint256
    # Unix time of the last update, and when all is released; the latter means nothing when the release decays.
    last: uint256
    end: uint256


AMOUNT_BITS: constant(uint256) = 94
AMOUNT_MASK: constant(uint256) = 2**94 - 1
TIME_BITS: constant(uint256) = 34
TIME_MASK: constant(uint256) = 2**34 - 1

MAX_TERM: constant(uint256) = 100 * 365 * 86_400

# Fixed-point one.
ONE: constant(uint256) = 2**128

# Seconds over which a fee is released evenly; 0 when the release decays.
TERM: immutable(uint256)

# Share that is still locked after a second, times 2^128; 0 when the release is even.
KEPT: immutable(uint256)


@deploy
def __init__(term: uint256, kept: uint256):
    assert (term == 0) != (kept == 0), "reward: one of term and decay"
    assert term <= MAX_TERM and kept < ONE, "reward: bad release"
    TERM = term
    KEPT = kept


@pure
@internal
def _unpack(word: uint256) -> Chunk:
    return Chunk(
        locked=word & AMOUNT_MASK,
        claimable=(word >> AMOUNT_BITS) & AMOUNT_MASK,
        last=(word >> (2 * AMOUNT_BITS)) & TIME_MASK,
        end=word >> (2 * AMOUNT_BITS + TIME_BITS),
    )


@pure
@internal
def _pack(chunk: Chunk) -> uint256:
    assert chunk.locked + chunk.claimable <= AMOUNT_MASK, "reward: chunk is full"
    return (
        chunk.locked
        | (chunk.claimable << AMOUNT_BITS)
        | (chunk.last << (2 * AMOUNT_BITS))
        | (chunk.end << (2 * AMOUNT_BITS + TIME_BITS))
    )


@view
@internal
def _accrued(chunk: Chunk, now: uint256) -> Chunk:
    """@notice The chunk after what was released until `now`."""
    released: uint256 = self._released(chunk, now)
    return Chunk(
        locked=chunk.locked - released, claimable=chunk.claimable + released, last=now, end=chunk.end
    )


@view
@internal
def _released(chunk: Chunk, now: uint256) -> uint256:
    if TERM == 0:
        return chunk.locked - ((chunk.locked * self._kept(now - chunk.last)) >> 128)
    if now >= chunk.end:
        return chunk.locked
    return chunk.locked * (now - chunk.last) // (chunk.end - chunk.last)


@view
@internal
def _filled(chunk: Chunk, amount: uint256, now: uint256) -> Chunk:
    """@notice The chunk after a fee came in."""
    after: Chunk = self._accrued(chunk, now)
    if TERM != 0:
        left: uint256 = after.end - now if after.end > now else 0
        whole: uint256 = after.locked + amount
        after.end = now + ((after.locked * left + amount * TERM) // whole if whole > 0 else TERM)
    after.locked += amount
    return after


@view
@internal
def _is_live(chunk: Chunk, now: uint256) -> bool:
    """@notice Whether something of the chunk is still to be released."""
    return chunk.locked > 0 if TERM == 0 else now < chunk.end


@view
@internal
def _deadline(chunk: Chunk) -> uint256:
    """@notice When all is released: never, when the release decays."""
    return max_value(uint256) if TERM == 0 and chunk.last > 0 else chunk.end


@view
@internal
def _kept(elapsed: uint256) -> uint256:
    """@notice KEPT to the power of `elapsed` seconds, times 2^128, by repeated squaring."""
    kept: uint256 = ONE
    power: uint256 = KEPT
    rest: uint256 = elapsed
    for i: uint256 in range(TIME_BITS):
        if rest == 0:
            break
        if rest & 1 == 1:
            kept = (kept * power) >> 128
        power = (power * power) >> 128
        rest >>= 1
    return kept
