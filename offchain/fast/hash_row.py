"""Rows of hashes in one buffer, and the memory that kernels read."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from offchain.errors import Invalid
from offchain.fast.keccak import HASH_BYTES
from offchain.fast.lanes import CACHE_LINE_BYTES

_NOTHING = ctypes.c_char * 0

Bytes = NDArray[np.uint8]
Data = bytes | bytearray | memoryview | mmap.mmap | NDArray[Any]
"""Contiguous memory. Kernels read it where it lies, so it must not change meanwhile."""


def as_bytes(data: Data) -> Bytes:
    """`data` as an array of bytes over the same memory; ValueError or BufferError when it is not contiguous."""
    return np.frombuffer(data, np.uint8)


def address(array: NDArray[Any]) -> int:
    """Where `array` begins, valid for as long as the array lives."""
    if array.flags.writeable:
        return ctypes.addressof(_NOTHING.from_buffer(array.data))  # numpy's own way takes three times as long
    return int(array.__array_interface__["data"][0])


def aligned(size: int) -> Bytes:
    """New memory of `size` bytes that starts with a cache line, for vectors that are read again and again."""
    memory = np.empty(size + CACHE_LINE_BYTES, np.uint8)
    start = -address(memory) % CACHE_LINE_BYTES
    return memory[start : start + size]


class HashRow(Sequence[bytes]):
    """A sequence of 32-byte hashes that lie end to end in one buffer; it equals any sequence of the same hashes.

    `array` are its bytes, read-only, to be stored or sent.
    """

    __slots__ = ("array",)

    def __init__(self, buffer: Data) -> None:
        """Over the memory of `buffer`; Invalid unless its length is a multiple of 32."""
        self.array = as_bytes(buffer)
        self.array.flags.writeable = False
        if self.array.size % HASH_BYTES:
            raise Invalid(f"{self.array.size} bytes are no row of {HASH_BYTES}-byte hashes")

    @classmethod
    def of(cls, hashes: Sequence[bytes]) -> HashRow:
        """The row of `hashes`, without a copy if they are one; Invalid unless each has 32 bytes."""
        if isinstance(hashes, HashRow):
            return hashes
        for number, item in enumerate(hashes):
            if len(item) != HASH_BYTES:
                raise Invalid(f"hash {number} has {len(item)} bytes, not {HASH_BYTES}")
        return cls(b"".join(hashes))

    def __len__(self) -> int:
        """Number of hashes."""
        return self.array.size // HASH_BYTES

    @overload
    def __getitem__(self, index: SupportsIndex) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> bytes | Sequence[bytes]:
        """One hash, or those of a slice: over the same memory unless it has a step."""
        chosen = range(len(self))[index]
        if isinstance(chosen, int):
            return self.array[chosen * HASH_BYTES : (chosen + 1) * HASH_BYTES].tobytes()
        if chosen.step != 1:
            return [self[number] for number in chosen]
        return HashRow(self.array[chosen.start * HASH_BYTES : (chosen.start + len(chosen)) * HASH_BYTES])

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a sequence of the same hashes, be it a row, a list or a tuple."""
        if isinstance(other, HashRow):
            return np.array_equal(self.array, other.array)
        if isinstance(other, Sequence):
            return len(self) == len(other) and all(ours == theirs for ours, theirs in zip(self, other, strict=True))
        return NotImplemented

    def __repr__(self) -> str:
        """Without the hashes, of which there may be millions."""
        return f"HashRow of {len(self)}"
