"""Twins of `offchain.protocol.sealing` for many units at once, from the caller's memory into the caller's memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from offchain.errors import Invalid
from offchain.fast.hash_row import Bytes, Data, address, aligned, as_bytes
from offchain.fast.keccak import HASH_BYTES
from offchain.fast.sealing_kernels import HEAD_BYTES, MASK_BYTES, seal_units, unseal_units
from offchain.fast.threads import spread
from offchain.protocol.recall import LOAD_UNITS
from offchain.protocol.sealing import UNIT_BYTES, UNIT_SECTORS

WINDOW_UNITS = 2 * LOAD_UNITS  # what a thread takes at a time

Kernel = Callable[[int, int, int, int, int], None]


def seal(
    source: Data, target: Data, miner_id: bytes, contexts: Sequence[bytes], position: int, threads: int = 1
) -> None:
    """Seal the units of `source`, the first of which starts at sector `position`, into as many bytes of `target`.

    `contexts` are the digests of the units' contexts, one for each. `target` may be `source` itself. Works on `threads`
    threads, this one included, without the interpreter lock. Invalid when a length does not fit the others.
    """
    _run(seal_units, source, target, miner_id, contexts, position, threads)


def unseal(
    source: Data, target: Data, miner_id: bytes, contexts: Sequence[bytes], position: int, threads: int = 1
) -> None:
    """Undo `seal`."""
    _run(unseal_units, source, target, miner_id, contexts, position, threads)


def _run(
    kernel: Kernel,
    source: Data,
    target: Data,
    miner_id: bytes,
    contexts: Sequence[bytes],
    position: int,
    threads: int,
) -> None:
    read, written = as_bytes(source), as_bytes(target)
    _check(read, written, contexts, miner_id)

    def work(first: int) -> None:
        heads = _heads(miner_id, contexts[first : first + WINDOW_UNITS], position + first * UNIT_SECTORS)
        mask, start = aligned(MASK_BYTES), first * UNIT_BYTES
        kernel(address(read) + start, address(heads), len(heads), address(mask), address(written) + start)

    windows = range(0, len(contexts), WINDOW_UNITS)
    if windows:
        spread(work, windows, min(threads, len(windows)), lambda: None)


def _heads(miner_id: bytes, contexts: Sequence[bytes], position: int) -> Bytes:
    """What the first mask of each unit is the hash of, in rows."""
    heads = np.zeros((len(contexts), HEAD_BYTES), np.uint8)
    heads[:, :HASH_BYTES] = np.frombuffer(miner_id, np.uint8)
    heads[:, HASH_BYTES : 2 * HASH_BYTES] = np.frombuffer(b"".join(contexts), np.uint8).reshape(-1, HASH_BYTES)
    positions = np.arange(len(contexts), dtype=np.uint64) * np.uint64(UNIT_SECTORS) + np.uint64(position)
    heads[:, 3 * HASH_BYTES - 8 : 3 * HASH_BYTES] = positions.astype(">u8").view(np.uint8).reshape(-1, 8)
    return heads


def _check(source: Bytes, target: Bytes, contexts: Sequence[bytes], miner_id: bytes) -> None:
    if source.size != len(contexts) * UNIT_BYTES:
        raise Invalid(f"{len(contexts)} units have {len(contexts) * UNIT_BYTES} bytes, not {source.size}")
    if target.size != source.size:
        raise Invalid(f"{source.size} bytes do not become {target.size}")
    if not target.flags.writeable:
        raise Invalid("sealing needs memory that may be written to")
    if len(miner_id) != HASH_BYTES or any(len(digest) != HASH_BYTES for digest in contexts):
        raise Invalid(f"a miner id and the digest of a context have {HASH_BYTES} bytes")
