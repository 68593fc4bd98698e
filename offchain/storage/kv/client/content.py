"""The files of submissions, for readers who want to see what was sent rather than what it came to."""

from __future__ import annotations

from collections.abc import Iterable

from offchain.errors import BadSettings
from offchain.protocol.encryption import Opener
from offchain.protocol.encryption_header import MAX_HEAD_BYTES, PUBLIC_BYTES, needed_by
from offchain.storage.client.api import StorageClient


class Contents:
    """Downloads, verifies and decrypts the files of submissions."""

    def __init__(self, storage: StorageClient, openers: Iterable[Opener] = ()) -> None:
        """`openers` of encrypted streams."""
        self._storage = storage
        self._openers = tuple(openers)

    def __call__(self, root: bytes, seq: int) -> bytes:
        """The stream data in the file `root` of submission `seq`: others may have the root, with more zeros at the end.

        BadSettings when it is encrypted and no key was given.
        """
        head = self._storage.read(root, 0, MAX_HEAD_BYTES, seq=seq)
        needed = needed_by(head)
        if needed and not self._openers:
            raise BadSettings(f"this stream is encrypted: {needed} is needed to watch it")
        # The version that plain data begins with is a sequence number: none is so large that 1 or 2 could come first.
        is_encrypted = needed or (self._openers and head[0] in PUBLIC_BYTES)
        return b"".join(self._storage.stream(root, openers=self._openers if is_encrypted else (), seq=seq))
