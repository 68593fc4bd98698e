"""Mining epochs of the flow: which context miners prove against, and which sectors each context seals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from offchain.protocol.flow import GENESIS_LEAF
from offchain.protocol.keccak import keccak256

UNKNOWN = keccak256(b"")
"""Stands for a block hash that is not known, and for the context that cannot be formed without it."""

OPCODE_WINDOW = 256
HISTORY_WINDOW = 8191

BlockHash = Callable[[int], bytes | None]
"""Hash of a past block, None when the chain no longer tells it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What miners prove against in one epoch."""

    epoch: int
    mine_start: int
    flow_root: bytes
    flow_length: int
    block_digest: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class SealedRange:
    """The sectors [start, end) that the context `digest`, opened with `epoch`, seals."""

    start: int
    end: int
    digest: bytes
    epoch: int


@dataclass(frozen=True, slots=True)
class Epochs:
    """Epochs of a flow that started with block `first_block`."""

    first_block: int
    blocks_per_epoch: int
    context: Context
    ranges: tuple[SealedRange, ...] = ()
    unsealed: int = 0

    @property
    def due(self) -> int:
        """Block in which the next epoch starts; it can be opened in the one after."""
        return self.start_of(self.context.epoch + 1)

    def start_of(self, epoch: int) -> int:
        """First block of `epoch`."""
        return self.first_block + epoch * self.blocks_per_epoch


def begin(first_block: int, blocks_per_epoch: int) -> Epochs:
    """Epoch 0 of an empty flow."""
    context = Context(0, first_block, GENESIS_LEAF, 1, UNKNOWN, UNKNOWN)
    return Epochs(first_block, blocks_per_epoch, context)


def open_due(epochs: Epochs, block: int, block_hash: BlockHash, root: bytes, length: int, limit: int = 2) -> Epochs:
    """Epochs after opening at most `limit` of those due in `block`, for a flow of `length` sectors under `root`.

    The oldest one whose block hash is known takes the unsealed sectors; the newest becomes the context. Those between
    would have empty ranges, and nobody can mine in them any more.
    """
    if epochs.due >= block or limit == 0:
        return epochs
    newest = (block - 1 - epochs.first_block) // epochs.blocks_per_epoch
    oldest = _oldest_known(epochs, block, newest, block_hash)
    opened = _open(epochs, oldest, block_hash, root, length)
    if oldest < newest and limit > 1:
        opened = _open(opened, newest, block_hash, root, length)
    return opened


def _oldest_known(epochs: Epochs, block: int, newest: int, block_hash: BlockHash) -> int:
    for window in (HISTORY_WINDOW, OPCODE_WINDOW):
        past = max(block - window - epochs.first_block, 0)
        epoch = max(epochs.context.epoch + 1, -(-past // epochs.blocks_per_epoch))
        if epoch <= newest and block_hash(epochs.start_of(epoch)) is not None:
            return epoch
    return newest


def _open(epochs: Epochs, epoch: int, block_hash: BlockHash, root: bytes, length: int) -> Epochs:
    start = epochs.start_of(epoch)
    known = block_hash(start)
    if known is None:
        return replace(epochs, context=Context(epoch, start, root, length, UNKNOWN, UNKNOWN))
    digest = keccak256(known, root, length.to_bytes(32, "big"))
    return replace(
        epochs,
        context=Context(epoch, start, root, length, known, digest),
        ranges=(*epochs.ranges, SealedRange(epochs.unsealed, length, digest, epoch)),
        unsealed=length,
    )
