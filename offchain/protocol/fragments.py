"""Large files as several: fragments of equal size but for the last, in order, each a file of its own with a root.

Public clients split above 4 GiB and round the size of fragments up to a power of two. A file of several fragments has
no root of its own: it is named by the list of their roots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from offchain.errors import Invalid
from offchain.protocol.sectors import SECTOR_BYTES

DEFAULT_FRAGMENT = 4 << 30
MAX_FRAGMENT = 1 << 54


@dataclass(frozen=True, slots=True)
class Fragment:
    """`size` bytes of a file from byte `start`."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file of `size` bytes lies in fragments of `fragment` bytes."""

    size: int
    fragment: int

    @property
    def count(self) -> int:
        """Number of fragments; an empty file has none."""
        return -(-self.size // self.fragment)

    def __getitem__(self, number: int) -> Fragment:
        """Fragment `number`; Invalid when there is none."""
        if not 0 <= number < self.count:
            raise Invalid(f"no fragment {number} among {self.count}")
        start = number * self.fragment
        return Fragment(start, min(self.fragment, self.size - start))

    def __iter__(self) -> Iterator[Fragment]:
        """All fragments in order."""
        return (self[number] for number in range(self.count))


def fragment_size(wanted: int) -> int:
    """The size that public clients use where `wanted` bytes are asked for: a power of two, at least a sector."""
    size = 1 << (max(wanted, SECTOR_BYTES) - 1).bit_length()
    if size > MAX_FRAGMENT:
        raise Invalid(f"fragments of {wanted} bytes are larger than any file")
    return size


def layout_of(size: int, count: int) -> Layout:
    """The only layout of `size` bytes in `count` fragments; Invalid when there is none."""
    if count == 1 and size > 0:
        return Layout(size, size)
    fragment = fragment_size(-(-size // max(count, 1)))
    layout = Layout(size, fragment)
    if count < 1 or layout.count != count:
        raise Invalid(f"{size} bytes do not lie in {count} fragments of equal size")
    return layout


def joined(first: int, last: int, count: int) -> Layout:
    """The layout of `count` fragments of which the first has `first` bytes, the last `last`; Invalid for no such file.

    That all fragments but the last have the same size, a power of two, is checked because a root does not commit to
    the size of its file: one byte that is told too little would move all that follows.
    """
    if count < 1 or (count > 1 and (first != fragment_size(first) or not 0 < last <= first)):
        raise Invalid(
            f"{count} fragments of which the first has {first} bytes and the last {last} are no file: all but the last "
            "have the same size, a power of two"
        )
    return Layout(first * (count - 1) + last, first)
