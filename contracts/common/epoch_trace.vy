# pragma version 0.4.3
"""
@title Epoch trace
@notice Values by key that remember what they were at the end of each security epoch.
@dev A key's newest value lies in one slot; it moves to the past only when a later epoch overwrites it.
     latest[key] = past values << 208 | epoch written << 168 | value
"""
from contracts.common import security_epoch

uses: security_epoch

VALUE_BITS: constant(uint256) = 168
EPOCH_BITS: constant(uint256) = 40
VALUE_MASK: constant(uint256) = 2**168 - 1
EPOCH_MASK: constant(uint256) = 2**40 - 1
COUNT_SHIFT: constant(uint256) = 208

latest: HashMap[uint256, uint256]
past: HashMap[uint256, HashMap[uint256, uint256]]


@view
@internal
def _read(key: uint256) -> uint256:
    return self.latest[key] & VALUE_MASK


@internal
def _write(key: uint256, content: uint256):
    """@param content At most VALUE_BITS long; the caller sees to it."""
    word: uint256 = self.latest[key]
    count: uint256 = word >> COUNT_SHIFT
    epoch: uint256 = security_epoch._now()
    if word != 0 and self._epoch_of(word) != epoch:
        self.past[key][count] = word & (2**208 - 1)
        count += 1
    self.latest[key] = count << COUNT_SHIFT | epoch << VALUE_BITS | content


@view
@internal
def _before(key: uint256, epoch: uint256) -> uint256:
    """@notice The value at the start of `epoch`; 0 before the first."""
    word: uint256 = self.latest[key]
    if self._epoch_of(word) < epoch:
        return word & VALUE_MASK
    low: uint256 = 0
    high: uint256 = word >> COUNT_SHIFT
    # Below `low` all were written before `epoch`, from `high` on none.
    for i: uint256 in range(40):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        if self._epoch_of(self.past[key][middle]) < epoch:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return 0
    return self.past[key][low - 1] & VALUE_MASK


@pure
@internal
def _epoch_of(word: uint256) -> uint256:
    return (word >> VALUE_BITS) & EPOCH_MASK
