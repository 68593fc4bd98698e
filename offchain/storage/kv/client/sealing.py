"""Encrypts transactions for the servers of a stream, which are given the key."""

from __future__ import annotations

import secrets

from offchain.errors import Invalid
from offchain.protocol.encryption import Key, Password
from offchain.protocol.encryption_header import authenticated_cipher, public_cipher
from offchain.storage.client.seeds import SEED_BYTES, Encryption
from offchain.storage.client.source import Stream


class Sealer:
    """Turns the bytes of a transaction into the file that is stored."""

    def __init__(self, encryption: Encryption | None = None) -> None:
        """As they are without `encryption`; Invalid for a password, which servers do not take."""
        self.identity = b""
        """What tells one way of sealing from another."""
        self._cipher = None
        if encryption is None:
            return
        lock = encryption.lock
        if isinstance(lock, Password):
            raise Invalid(
                "key-value servers open no passwords: encrypt with a key, or to the public key of the servers"
            )
        secret = b"\0" + lock.secret if isinstance(lock, Key) else b"\1" + lock.compressed
        self.identity = bytes([encryption.public]) + secret
        make = public_cipher if encryption.public else authenticated_cipher
        self._cipher = lambda: make(lock, secrets.token_bytes(SEED_BYTES))

    def seal(self, plain: bytes) -> bytes:
        """What is stored; each time something else when it is encrypted."""
        if self._cipher is None:
            return plain
        stream = Stream.of_bytes(plain).encrypted(self._cipher())
        return stream.read(0, stream.size)
