"""What a client announces to `Flow`: the subtrees that a file occupies."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.errors import InvalidSubmission
from offchain.protocol.keccak import keccak256
from offchain.protocol.sectors import PADDING_SHARE, SECTOR_BYTES

MAX_NODES = 4
MAX_NODE_HEIGHT = 46
MAX_TAG_BYTES = 4096
MAX_BATCH = 64


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree of 2^height sectors."""

    root: bytes
    height: int

    @property
    def sectors(self) -> int:
        """Sectors below it."""
        return 1 << self.height


@dataclass(frozen=True, slots=True)
class Submission:
    """A file of `length` bytes as `nodes` from left to right; `tags` are free bytes for readers of the log."""

    length: int
    tags: bytes
    nodes: tuple[Node, ...]

    @property
    def sectors(self) -> int:
        """Sectors that it occupies."""
        return sum(node.sectors for node in self.nodes)

    @property
    def identity(self) -> bytes:
        """Digest of the node roots; says nothing of heights or length."""
        return keccak256(*(node.root for node in self.nodes))

    @property
    def data_root(self) -> bytes:
        """Root of the file that the nodes make up."""
        root = self.nodes[-1].root
        for node in reversed(self.nodes[:-1]):
            root = keccak256(node.root, root)
        return root


def padding_limit(sectors: int, node_count: int, first_height: int) -> int:
    """Sectors of padding that a submission must stay below, so that nobody is charged for an empty subtree."""
    if sectors < PADDING_SHARE:
        return 1
    return sectors // PADDING_SHARE if node_count == 1 else 1 << (first_height - 3)


def check(submission: Submission) -> int:
    """Sectors of a valid submission; InvalidSubmission otherwise. The rule of `Flow`, in its order."""
    heights = [node.height for node in submission.nodes]
    if not 1 <= len(heights) <= MAX_NODES or len(submission.tags) > MAX_TAG_BYTES:
        raise InvalidSubmission(f"a submission has 1 to {MAX_NODES} nodes and at most {MAX_TAG_BYTES} bytes of tags")
    if any(later >= earlier for earlier, later in zip(heights, heights[1:], strict=False)):
        raise InvalidSubmission("node heights must fall strictly")
    if heights[0] > MAX_NODE_HEIGHT or heights[0] - heights[-1] >= MAX_NODES:
        raise InvalidSubmission(f"node heights stay below {MAX_NODE_HEIGHT + 1} and within {MAX_NODES} of each other")
    sectors = submission.sectors
    least = sectors - padding_limit(sectors, len(heights), heights[0])
    if not least * SECTOR_BYTES < submission.length <= sectors * SECTOR_BYTES:
        raise InvalidSubmission(f"{submission.length} bytes do not fill {sectors} sectors as the padding rule asks")
    return sectors
