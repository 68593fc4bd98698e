# pragma version 0.4.3
"""
@title Chunk runs
@notice Fees of many whole pricing chunks at once: a file of a petabyte fills a million chunks and costs two slots. A chunk
        is taken out of its run when it is first needed.
@dev The flow only grows, so runs come in the order of their chunks, none overlaps another, and halving finds one.
"""

# First chunk | chunks << 48 | unix time of the fill << 96, by number of the run.
spans: HashMap[uint256, uint256]

# Wei for each chunk of the run.
amounts: HashMap[uint256, uint256]

count: uint256

MASK: constant(uint256) = 2**48 - 1


@internal
def _add(first: uint256, chunks: uint256, amount: uint256):
    number: uint256 = self.count
    self.spans[number] = first | (chunks << 48) | (block.timestamp << 96)
    self.amounts[number] = amount
    self.count = number + 1


@view
@internal
def _find(chunk: uint256) -> (uint256, uint256):
    """@notice Wei that a run holds for `chunk`, and when it came; zeros when no run has it."""
    low: uint256 = 0
    high: uint256 = self.count
    # The first run that begins behind the chunk; a run takes at least one chunk of fewer than 2^48.
    for i: uint256 in range(48):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        if self.spans[middle] & MASK > chunk:
            high = middle
        else:
            low = middle + 1
    if low == 0:
        return 0, 0
    span: uint256 = self.spans[low - 1]
    if chunk >= (span & MASK) + ((span >> 48) & MASK):
        return 0, 0
    return self.amounts[low - 1], span >> 96
