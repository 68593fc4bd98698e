"""Difficulty of mining: the target that a quality must meet, adjusted once for each epoch with the answers it brought.

Integers only, the same on chain. The sixteen low bits of a target are given up: that is room to compute in.
"""

from __future__ import annotations

SPARE_BITS = 16
MAX_TARGET = (1 << 256) - 1
MOST = MAX_TARGET >> SPARE_BITS
MAX_SKIPPED = 255
"""Epochs without an answer that count; that many double any target up to the cap."""


def adjusted(target: int, wanted: int, got: int, ratio: int) -> int:
    """The target after an epoch that brought `got` answers, of `wanted` ones; `ratio` is how slowly it follows.

    The target that would have brought what was wanted counts 1 / ratio. At most double comes out, at least half.
    """
    scaled = target >> SPARE_BITS
    expected = _expected(scaled, wanted, got)
    kept = scaled // ratio * (ratio - 1) + scaled % ratio * (ratio - 1) // ratio
    following = kept + expected // ratio
    return min(max(min(following, 2 * scaled), scaled // 2), MOST) << SPARE_BITS


def after_epochs(target: int, wanted: int, got: int, ratio: int, last: int, epoch: int, min_difficulty: int) -> int:
    """The target for the first answer of `epoch`, after `got` answers in epoch `last`, 0 for none ever, and none since.

    It never exceeds 2^256 / `min_difficulty`.
    """
    if last == 0:
        return target
    cap = MAX_TARGET // min_difficulty
    target = min(adjusted(target, wanted, got, ratio), cap)
    for _ in range(min(epoch - last - 1, MAX_SKIPPED)):
        if target == cap:
            break
        target = min(adjusted(target, wanted, 0, ratio), cap)
    return target


def difficulty(target: int) -> int:
    """How many hashes an answer takes on average."""
    return MAX_TARGET // max(target, 1)


def _expected(scaled: int, wanted: int, got: int) -> int:
    """The target that would have brought `wanted` answers instead of `got`."""
    if got == 0 or scaled // got >= MOST // wanted:
        return MOST
    return scaled // got * wanted + scaled % got * wanted // got
