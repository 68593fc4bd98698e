"""Files for tests that speak to nodes from outside, and their upload through the public RPC."""

import random

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.wire import segment_to_json
from tests.doubles.files import File


class Sample(File):
    """A file of `size` bytes that `seed` decides."""

    def __init__(self, size, seed=0):
        super().__init__(random.Random(f"{size}/{seed}").randbytes(size))

    @property
    def hex(self):
        """The root as the RPC writes it."""
        return "0x" + self.root.hex()

    def posted(self, index):
        """Segment `index` as the RPC takes and gives it."""
        return segment_to_json(self.segment(index), self.leaf(index))

    def __repr__(self):
        return f"{self.size} bytes {self.hex[:10]}"


def file_in(folder, seed, size=2 * SEGMENT_BYTES + 100):
    """A sample and the path of a file with its bytes."""
    sample = Sample(size, seed=seed)
    path = folder / f"{seed}.bin"
    path.write_bytes(sample.data)
    return sample, path


def upload(node, seq, sample, indices=None):
    """Send segments, all by default, of a submission through the public RPC."""
    for index in sample.segments if indices is None else indices:
        node.zgs_uploadSegmentByTxSeq(sample.posted(index), seq)
