"""Encrypted files: three formats that are read, and the authenticated one that is written (docs/spec/encryption.md).

What is stored is a header and then the ciphertext. It is cut into *blocks* of a segment each, before it is cut into
fragments: each block can be encrypted and decrypted by itself. The two public formats are AES-256-CTR without
authentication. Ours is AES-256-GCM over each block with the nonces of STREAM (Hoang, Reyhanitabar, Rogaway, Vizár,
"Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015), under a key of this file only
(HKDF, RFC 5869), which the header commits to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from Crypto.Cipher import AES

from offchain.errors import Invalid
from offchain.protocol import secp256k1
from offchain.protocol.sectors import SEGMENT_BYTES

BLOCK_BYTES = SEGMENT_BYTES
KEY_BYTES = 32
TAG_BYTES = 16
COUNTER_BYTES = 16

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Key:
    """32 bytes that encrypt and decrypt."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Invalid for another length."""
        if len(self.secret) != KEY_BYTES:
            raise Invalid(f"an encryption key has {KEY_BYTES} bytes, not {len(self.secret)}")


@dataclass(frozen=True, slots=True)
class Password:
    """Text that leads to keys, as its UTF-8 bytes, by way of `Stretched`."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        """Invalid when empty."""
        if not self.text:
            raise Invalid("a password has at least one character")


@dataclass(frozen=True, slots=True)
class Stretched:
    """What scrypt makes of a password with a salt and 2^`work` steps: files that share all three share it."""

    secret: bytes = field(repr=False)
    salt: bytes
    work: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key of secp256k1: only the owner of the private key can decrypt."""

    public: bytes

    def __post_init__(self) -> None:
        """Invalid when it is no point of the curve."""
        secp256k1.parse(self.public)

    @property
    def compressed(self) -> bytes:
        """33 bytes."""
        return secp256k1.compress(secp256k1.parse(self.public))


@dataclass(frozen=True, slots=True)
class Identity:
    """The private key of a recipient."""

    private: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Invalid for no private key."""
        secp256k1.scalar(self.private)


Lock = Key | Stretched | Recipient
"""What a file is encrypted with."""

Opener = Key | Password | Identity
"""What a file is decrypted with."""


class Cipher(ABC):
    """One encrypted file: its header, and what turns bytes of the file into stored bytes and back.

    Both ways take a *piece*: stored bytes from position `start`. A piece at 0 holds the whole header.
    """

    overhead = 0
    """Bytes that each block has more than its plaintext, besides the header."""
    takes_any_piece = True
    """Whether pieces may begin anywhere; otherwise a piece is a block."""

    def __init__(self, head: bytes) -> None:
        """`head` is the header as stored."""
        self.head = head

    def stored_size(self, size: int) -> int:
        """Stored bytes of a file of `size` bytes."""
        room = BLOCK_BYTES - self.overhead
        blocks = max(-(-(size + len(self.head)) // room), 1)
        return size + len(self.head) + blocks * self.overhead

    def plain_size(self, stored: int) -> int:
        """Bytes of the file behind `stored` bytes; Invalid when there is none."""
        size = self.plain_position(stored)
        if size < 0 or self.stored_size(size) != stored:
            raise Invalid(f"{stored} bytes are no whole encrypted file: it was cut off")
        return size

    def plain_position(self, stored: int) -> int:
        """Position in the file of what is stored at `stored`: where a piece begins, or the end; 0 for the header."""
        blocks = -(-stored // BLOCK_BYTES)
        return max(stored - len(self.head) - blocks * self.overhead, 0)

    def stored_position(self, position: int) -> int:
        """Where byte `position` of the file is stored."""
        block, within = divmod(position + len(self.head), BLOCK_BYTES - self.overhead)
        return block * BLOCK_BYTES + within

    def encrypt(self, start: int, plain: Buffer, is_end: bool) -> bytes:
        """The piece at stored position `start`, which ends the file if `is_end`."""
        return (self.head if start == 0 else b"") + self._encrypt(start, plain, is_end)

    def decrypt(self, start: int, piece: Buffer, is_end: bool) -> bytes:
        """What `encrypt` was given; Invalid for a piece that was changed, moved or cut off, where the format tells."""
        if start:
            return self._decrypt(start, piece, is_end)
        if bytes(piece[: len(self.head)]) != self.head:
            raise Invalid("the header of this encrypted file is incomplete or changed")
        return self._decrypt(0, memoryview(piece)[len(self.head) :], is_end)

    @abstractmethod
    def _encrypt(self, start: int, plain: Buffer, is_end: bool) -> bytes: ...

    @abstractmethod
    def _decrypt(self, start: int, body: Buffer, is_end: bool) -> bytes: ...


class NoCipher(Cipher):
    """A file that is stored as it is."""

    def __init__(self) -> None:
        """Nothing to know."""
        super().__init__(b"")

    def _encrypt(self, start: int, plain: Buffer, is_end: bool) -> bytes:
        return bytes(plain)

    def _decrypt(self, start: int, body: Buffer, is_end: bool) -> bytes:
        return bytes(body)


class CounterCipher(Cipher):
    """The public formats: the counter block is the nonce plus the position in sixteens, modulo 2^128."""

    def __init__(self, head: bytes, key: bytes) -> None:
        """`head` ends with the nonce; `key` has 32 bytes."""
        super().__init__(head)
        self._key = key
        self._nonce = int.from_bytes(head[-COUNTER_BYTES:], "big")

    def _encrypt(self, start: int, plain: Buffer, is_end: bool) -> bytes:
        number, skipped = divmod(max(start - len(self.head), 0), COUNTER_BYTES)
        data = bytes(skipped) + bytes(plain)
        first = (self._nonce + number) % 2**128
        # The library refuses to let a counter pass its end, the format wants it to.
        until_wrap = (2**128 - first) * COUNTER_BYTES
        return (self._stream(first, data[:until_wrap]) + self._stream(0, data[until_wrap:]))[skipped:]

    def _decrypt(self, start: int, body: Buffer, is_end: bool) -> bytes:
        return self._encrypt(start, body, is_end)

    def _stream(self, first: int, data: bytes) -> bytes:
        counter = first.to_bytes(COUNTER_BYTES, "big")
        if not data:
            return b""
        encrypted: bytes = AES.new(self._key, AES.MODE_CTR, nonce=b"", initial_value=counter).encrypt(data)
        return encrypted


class AuthenticatedCipher(Cipher):
    """Ours: block i is AES-256-GCM with the nonce i (11 bytes) ‖ whether it is the last (1 byte)."""

    overhead = TAG_BYTES
    takes_any_piece = False

    def __init__(self, head: bytes, key: bytes) -> None:
        """`key` of 32 bytes is this file's only."""
        super().__init__(head)
        self._key = key

    def _encrypt(self, start: int, plain: Buffer, is_end: bool) -> bytes:
        data, tag = self._block(start, is_end).encrypt_and_digest(bytes(plain))
        return bytes(data + tag)

    def _decrypt(self, start: int, body: Buffer, is_end: bool) -> bytes:
        block = self._block(start, is_end)
        try:
            if len(body) < TAG_BYTES:
                raise ValueError("it is shorter than its tag")
            plain: bytes = block.decrypt_and_verify(bytes(body[:-TAG_BYTES]), bytes(body[-TAG_BYTES:]))
        except ValueError as error:
            place = f"block {start // BLOCK_BYTES} of this encrypted file"
            raise Invalid(f"{place} was changed, moved or cut off since it was encrypted") from error
        return plain

    def _block(self, start: int, is_end: bool) -> Any:
        number, rest = divmod(start, BLOCK_BYTES)
        if rest:
            raise Invalid("this encrypted file was cut inside of a block: it cannot be read in these fragments")
        nonce = number.to_bytes(11, "big") + bytes([is_end])
        return AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
