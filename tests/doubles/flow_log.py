"""The flow as an honest chain tells it: submissions in blocks, the root after each, reorganisations."""

from offchain.chain.contracts.flow import Submitted
from offchain.chain.types import Log
from offchain.protocol.flow import FlowTree
from offchain.protocol.keccak import keccak256
from offchain.protocol.sectors import node_heights, padded_sector_count
from offchain.protocol.submission import Node, Submission

FLOW = "0x" + "f1" * 20
SUBMITTER = "0x" + "5a" * 20


class FlowLog:
    """Remembers the tree after each submission, so that it can go back to any block."""

    def __init__(self):
        self.submitted = []
        self.trees = [FlowTree()]
        self.fork = 0

    @property
    def tree(self):
        return self.trees[-1]

    def submit(self, submission, block, sender=SUBMITTER, caller=None):
        """Append a submission in `block`; what the chain's events say of it."""
        tree, start = self.tree.append(submission.nodes)
        seq = len(self.submitted)
        digest = keccak256(b"%d/%d/%d" % (self.fork, block, seq))
        submitted = Submitted(
            seq=seq,
            sender=sender,
            caller=caller or sender,
            identity=submission.identity,
            start=start,
            sectors=submission.sectors,
            submission=submission,
            log=Log(FLOW, (), b"", block, keccak256(digest), digest, seq),
        )
        self.submitted.append(submitted)
        self.trees.append(tree)
        return submitted

    def append_told(self, submitted):
        """Append what another log told; the root after it."""
        self.submitted.append(submitted)
        self.trees.append(self.tree.append(submitted.submission.nodes)[0])
        return self.tree.root

    def roll_back(self, block):
        """Forget everything above `block`."""
        self.fork += 1
        self.submitted = [each for each in self.submitted if each.log.block_number <= block]
        del self.trees[len(self.submitted) + 1 :]


def made_up(size, seed=0, tags=b""):
    """A valid submission of `size` bytes whose roots nobody has data for."""
    heights = node_heights(padded_sector_count(size))
    nodes = tuple(Node(keccak256(b"%d/%d/%d" % (size, seed, height)), height) for height in heights)
    return Submission(size, tags, nodes)
