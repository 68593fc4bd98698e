# pragma version 0.4.3
"""
@title Bounds
@notice Sizes that contracts share. `offchain.protocol` repeats them; a test compares.
"""

# A file is at most four complete subtrees: the padding rule allows no more.
MAX_NODES: constant(uint256) = 4

# Highest subtree of one submission: 2^46 sectors are 16 PiB, and the flow's length stays below 2^48.
MAX_NODE_HEIGHT: constant(uint256) = 46

# Tags name the readers of a submission, 32 bytes each in the key-value layer.
MAX_TAG_BYTES: constant(uint256) = 4096

# Submissions in one call.
MAX_BATCH: constant(uint256) = 64

# What the fallback may return: four arrays of MAX_BATCH words, their offsets and lengths.
MAX_BATCH_RETURN: constant(uint256) = 32 * 4 * (MAX_BATCH + 2)
