# pragma version 0.4.3
"""
@title Answer set
@notice The answers of one epoch, so that none is paid twice. Entries of older epochs are free places: the slots are used
        again and again, which costs 5,000 gas for an answer instead of 22,000.
"""

# More than the largest number of answers in an epoch, so that a free place is near.
PLACES: constant(uint256) = 512

EPOCH_MASK: constant(uint256) = 2**48 - 1

# Upper 208 bits of the answer's hash, and its epoch in the lower 48.
places: uint256[PLACES]


@internal
def _add(answer: bytes32, epoch: uint256):
    """@notice Remember `answer`; reverts when it is known in `epoch`."""
    entry: uint256 = (convert(keccak256(answer), uint256) << 48) | epoch
    place: uint256 = convert(answer, uint256) % PLACES
    for i: uint256 in range(PLACES):
        known: uint256 = self.places[place]
        if known & EPOCH_MASK != epoch:
            break
        assert known != entry, "mine: known answer"
        place = (place + 1) % PLACES
    self.places[place] = entry
