"""Files as the network knows them: bytes, tree, segments the way they travel."""

import random
from functools import cache, cached_property

from offchain.fast import file_tree
from offchain.protocol.sectors import SECTOR_BYTES, SEGMENT_BYTES, segment_count, segment_data_length
from offchain.storage.wire import Segment
from offchain.store.segment_store import Content


@cache
def random_bytes(size, seed=0):
    """The same bytes for the same arguments."""
    return random.Random(f"{size}/{seed}").randbytes(size)


def vector_bytes(size):
    """Content of the file of `size` bytes in tests/vectors."""
    period = bytes((at * 131 + 7) & 0xFF for at in range(256))
    return (period * (size // 256 + 1))[:size]


class File:
    """A file that somebody stores."""

    def __init__(self, data):
        self.data = data
        self.size = len(data)

    @classmethod
    def random(cls, size, seed=0):
        return cls(random_bytes(size, seed))

    @cached_property
    def tree(self):
        return file_tree.build(self.data)

    @property
    def root(self):
        return self.tree.root

    @property
    def content(self):
        return Content(self.root, self.size)

    @property
    def segments(self):
        """Indices of all segments that hold data."""
        return range(segment_count(self.size))

    def submission(self, tags=b""):
        return self.tree.submission(tags)

    def leaf(self, index):
        """Root of segment `index`."""
        return self.tree.segment_roots[index]

    def segment_data(self, index):
        """Bytes of segment `index` as they travel."""
        piece = self.data[index * SEGMENT_BYTES : (index + 1) * SEGMENT_BYTES]
        return piece.ljust(segment_data_length(self.size, index), b"\0")

    def segment(self, index, claim=False):
        """Segment `index` with what proves it; with `claim`, as the public RPC sends it."""
        proof = self.tree.proof(index)
        data = self.segment_data(index)
        return Segment(self.root, self.size, index, data, proof.siblings, proof if claim else None)

    def sectors(self, first, count):
        """Sectors as nodes send them."""
        whole = self.data.ljust(-(-self.size // SECTOR_BYTES) * SECTOR_BYTES, b"\0")
        return whole[first * SECTOR_BYTES : (first + count) * SECTOR_BYTES]
