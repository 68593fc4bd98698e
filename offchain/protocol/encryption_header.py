"""Headers of encrypted files: from a lock to a cipher, and from a header and what opens it to the same cipher.

Public format 1   01 ‖ nonce (16)
Public format 2   02 ‖ ephemeral public key (33) ‖ nonce (16)
Ours              MAGIC ‖ mode (1) ‖ nonce (32) ‖ parameters ‖ check (32)

Our parameters are none for a key, scrypt's log N (1) and salt (16) for a password, the ephemeral public key (33) for a
recipient. The check is made with a key that only the right secret leads to: it commits to the secret and to the header.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from offchain.errors import Invalid
from offchain.protocol import secp256k1
from offchain.protocol.encryption import (
    COUNTER_BYTES,
    KEY_BYTES,
    AuthenticatedCipher,
    Cipher,
    CounterCipher,
    Identity,
    Key,
    Lock,
    Opener,
    Password,
    Recipient,
    Stretched,
)

T = TypeVar("T", Key, Password, Identity)

MAGIC = b"ZGENC\x01"
BY_KEY, BY_PASSWORD, TO_RECIPIENT = 1, 2, 3
NONCE_BYTES = 32
SALT_BYTES = 16
CHECK_BYTES = 32
FIXED_BYTES = len(MAGIC) + 1 + NONCE_BYTES
PARAMETER_BYTES = {BY_KEY: 0, BY_PASSWORD: 1 + SALT_BYTES, TO_RECIPIENT: secp256k1.COMPRESSED_BYTES}
MAX_HEAD_BYTES = FIXED_BYTES + max(PARAMETER_BYTES.values()) + CHECK_BYTES
INFO = b"zg-encryption/1"

PUBLIC_BY_KEY, PUBLIC_TO_RECIPIENT = 1, 2
PUBLIC_BYTES = {
    PUBLIC_BY_KEY: 1 + COUNTER_BYTES,
    PUBLIC_TO_RECIPIENT: 1 + secp256k1.COMPRESSED_BYTES + COUNTER_BYTES,
}
PUBLIC_INFO = b"0g-storage-client/ecies/v1/aes-256"

WORK = 17
"""Logarithm of scrypt's N (RFC 7914) in new files, r being 8 and p 1: 128 MiB of memory for each guess."""
LEAST_WORK, MOST_WORK = 10, 18
"""What is taken of a header, which may be a stranger's and is followed before it is known to be true: 256 MiB."""

_DETAILS = {Key: "an encryption key", Password: "a password", Identity: "the private key of its recipient"}


def authenticated_cipher(lock: Lock, seed: bytes) -> Cipher:
    """A new file in our format. All that is random in it, but for a salt, follows from `seed`: 32 bytes for this file.

    Whoever knows the seed of a file for a recipient can read the file.
    """
    nonce = hkdf(seed, b"", INFO + b" nonce", NONCE_BYTES)
    if isinstance(lock, Key):
        return _ours(MAGIC + bytes([BY_KEY]) + nonce, lock.secret)
    if isinstance(lock, Stretched):
        return _ours(MAGIC + bytes([BY_PASSWORD]) + nonce + bytes([lock.work]) + lock.salt, lock.secret)
    ephemeral = _ephemeral(seed, lock)
    head = MAGIC + bytes([TO_RECIPIENT]) + nonce + secp256k1.public_key(ephemeral)
    return _ours(head, secp256k1.shared_secret(ephemeral, lock.public), lock.compressed)


def public_cipher(lock: Lock, seed: bytes) -> Cipher:
    """A new file that public clients can read, without authentication; Invalid for a password, which they do not know.

    `seed` as in `authenticated_cipher`.
    """
    nonce = hkdf(seed, b"", INFO + b" public nonce", COUNTER_BYTES)
    if isinstance(lock, Key):
        return CounterCipher(bytes([PUBLIC_BY_KEY]) + nonce, lock.secret)
    if isinstance(lock, Stretched):
        raise Invalid("public clients know no passwords: encrypt for them with a key or to a recipient")
    ephemeral = _ephemeral(seed, lock)
    head = bytes([PUBLIC_TO_RECIPIENT]) + secp256k1.public_key(ephemeral) + nonce
    return CounterCipher(head, agreed_key(ephemeral, lock.public))


def stretched(password: Password, salt: bytes, work: int = WORK) -> Stretched:
    """What a password is with `salt`, 16 bytes; Invalid for an amount of work that nobody should be made to do."""
    if not LEAST_WORK <= work <= MOST_WORK:
        raise Invalid(
            f"this file asks for 2^{work} steps of scrypt, each of which takes 1 KiB of memory; 2^{LEAST_WORK} to "
            f"2^{MOST_WORK} are taken, ours have 2^{WORK}"
        )
    return Stretched(_scrypt(password.text.encode(), salt, work), salt, work)


def salt_of(head: bytes) -> tuple[bytes, int] | None:
    """Salt and work of a header in our format that was made with a password, None for others."""
    if not head.startswith(MAGIC + bytes([BY_PASSWORD])):
        return None
    return head[FIXED_BYTES + 1 : FIXED_BYTES + 1 + SALT_BYTES], head[FIXED_BYTES]


def cipher_of(start: bytes, openers: Iterable[Opener]) -> Cipher:
    """The cipher of a stored file that begins with `start`, at least `MAX_HEAD_BYTES` or all of it.

    Invalid when it is encrypted in no known format, or when none of `openers` fits.
    """
    given = tuple(openers)
    if start.startswith(MAGIC):
        return _opened(_head_of(start), given)
    version = start[0] if start else 0
    if version not in PUBLIC_BYTES:
        raise Invalid("this file is not encrypted in a known format: read it without a key")
    head = start[: PUBLIC_BYTES[version]]
    if len(head) < PUBLIC_BYTES[version]:
        raise Invalid("this file is too short to be encrypted: read it without a key")
    if version == PUBLIC_BY_KEY:
        return CounterCipher(head, _one(given, Key).secret)
    ephemeral = head[1 : 1 + secp256k1.COMPRESSED_BYTES]
    return CounterCipher(head, agreed_key(_one(given, Identity).private, ephemeral))


def agreed_key(private: bytes, public: bytes) -> bytes:
    """The AES key of public format 2, from the ephemeral key and the recipient's, one of them private."""
    return hkdf(secp256k1.shared_secret(private, public), b"", PUBLIC_INFO, KEY_BYTES)


def needed_by(head: bytes) -> str | None:
    """What is needed to read a file in our format that begins with `head`, in words; None for other files."""
    mode = head[len(MAGIC)] if head.startswith(MAGIC) and len(head) > len(MAGIC) else 0
    return _DETAILS[_KINDS[mode]] if mode in _KINDS else None


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    output, block = b"", b""
    while len(output) < length:
        block = hmac.digest(key, block + info + bytes([len(output) // 32 + 1]), "sha256")
        output += block
    return output[:length]


def _ours(head: bytes, secret: bytes, recipient: bytes = b"") -> AuthenticatedCipher:
    """The cipher of a header without its check."""
    nonce = head[FIXED_BYTES - NONCE_BYTES : FIXED_BYTES]
    keys = hkdf(secret, nonce, INFO + head + recipient, 2 * KEY_BYTES)
    return AuthenticatedCipher(head + hmac.digest(keys[KEY_BYTES:], head, "sha256"), keys[:KEY_BYTES])


def _head_of(start: bytes) -> bytes:
    """The whole header of a file in our format that begins with `start`."""
    mode = start[len(MAGIC)] if len(start) > len(MAGIC) else BY_KEY
    if mode not in PARAMETER_BYTES:
        raise Invalid(f"this file is encrypted in the unknown mode {mode}: a newer version may know it")
    head = start[: FIXED_BYTES + PARAMETER_BYTES[mode] + CHECK_BYTES]
    if len(head) < FIXED_BYTES + PARAMETER_BYTES[mode] + CHECK_BYTES:
        raise Invalid("this encrypted file was cut off in its header")
    return head


def _opened(head: bytes, openers: tuple[Opener, ...]) -> Cipher:
    mode, body = head[len(MAGIC)], head[:-CHECK_BYTES]
    if mode == BY_KEY:
        cipher = _ours(body, _one(openers, Key).secret)
    elif mode == BY_PASSWORD:
        cipher = _ours(body, stretched(_one(openers, Password), body[FIXED_BYTES + 1 :], body[FIXED_BYTES]).secret)
    else:
        private = _one(openers, Identity).private
        secret = secp256k1.shared_secret(private, body[-secp256k1.COMPRESSED_BYTES :])
        cipher = _ours(body, secret, secp256k1.public_key(private))
    if not hmac.compare_digest(cipher.head, head):
        raise Invalid(f"{_DETAILS[_KINDS[mode]]} was given, but not the one of this file, or its header was changed")
    return cipher


@lru_cache(maxsize=16)
def _scrypt(text: bytes, salt: bytes, work: int) -> bytes:
    """The files of a directory share a salt: they are opened by one computation, not by one for each."""
    cost = 1 << work
    return hashlib.scrypt(text, salt=salt, n=cost, r=8, p=1, maxmem=128 * 8 * (cost + 4), dklen=KEY_BYTES)


def _ephemeral(seed: bytes, recipient: Recipient) -> bytes:
    """A private key for one file and one recipient."""
    drawn = int.from_bytes(hkdf(seed, b"", INFO + b" ephemeral" + recipient.compressed, 48), "big")
    return (drawn % (secp256k1.N - 1) + 1).to_bytes(32, "big")


def _one(openers: tuple[Opener, ...], kind: type[T]) -> T:
    for opener in openers:
        if isinstance(opener, kind):
            return opener
    raise Invalid(f"{_DETAILS[kind]} is needed to read this file")


_KINDS: dict[int, type[Key | Password | Identity]] = {BY_KEY: Key, BY_PASSWORD: Password, TO_RECIPIENT: Identity}
