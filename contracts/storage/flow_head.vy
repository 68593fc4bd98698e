# pragma version 0.4.3
"""
@title Flow head
@notice What every submission reads and writes, in one storage slot.
"""

struct Head:
    # Sectors in the flow.
    length: uint256
    # Sequence number of the next submission.
    submissions: uint256
    # Block in which the next epoch starts.
    epochDue: uint256
    # Unix time at which the pause of submissions ends; 0 when there is none.
    pausedUntil: uint256
    # Sectors charged at `price` whose fees are still here.
    unsettled: uint256
    # Wei for one sector.
    price: uint256


MAX_LENGTH: constant(uint256) = 2**48 - 1
MAX_UNSETTLED: constant(uint256) = 2**40 - 1
MAX_PRICE: constant(uint256) = 2**56 - 2

# Stands for the price while there is none: until then nothing is taken, or somebody would fill the flow for nothing.
NO_PRICE: constant(uint256) = 2**56 - 1

# length | submissions << 48 | epochDue << 88 | pausedUntil << 128 | unsettled << 160 | price << 200
packed: uint256


@view
@internal
def _load() -> Head:
    word: uint256 = self.packed
    return Head(
        length=word & MAX_LENGTH,
        submissions=(word >> 48) & (2**40 - 1),
        epochDue=(word >> 88) & (2**40 - 1),
        pausedUntil=(word >> 128) & (2**32 - 1),
        unsettled=(word >> 160) & MAX_UNSETTLED,
        price=word >> 200,
    )


@internal
def _store(head: Head):
    # The caller checks length, unsettled and price. A sequence number or a block above 2^40 and a time above 2^32 are
    # out of reach until the year 2106.
    self.packed = (
        head.length
        | (head.submissions << 48)
        | (head.epochDue << 88)
        | (head.pausedUntil << 128)
        | (head.unsettled << 160)
        | (head.price << 200)
    )
