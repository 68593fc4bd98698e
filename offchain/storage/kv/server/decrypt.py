"""Opens the files of encrypted streams."""

from __future__ import annotations

from collections.abc import Sequence

from offchain.errors import Invalid
from offchain.protocol.encryption import BLOCK_BYTES, Opener
from offchain.protocol.encryption_header import MAGIC, MAX_HEAD_BYTES, cipher_of
from offchain.protocol.kv.replay import INVALID_DATA, Verdict
from offchain.protocol.kv.stream_data import ENCRYPTED


class Decrypt:
    """Plain files stay as they are; encrypted ones are opened with the keys that the operator gave."""

    def __init__(self, openers: Sequence[Opener] = ()) -> None:
        """Without `openers`, only files in our own format are refused here; others are no stream data to anybody."""
        self._openers = tuple(openers)

    def __call__(self, data: bytes) -> bytes | Verdict:
        """The stream data in a file, or the verdict that nobody can read it with these keys."""
        if not self._is_encrypted(data):
            return data
        try:
            cipher = cipher_of(data[:MAX_HEAD_BYTES], self._openers)
            cipher.plain_size(len(data))
            starts = range(0, len(data), BLOCK_BYTES)
            blocks = ((at, data[at : at + BLOCK_BYTES], at + BLOCK_BYTES >= len(data)) for at in starts)
            return b"".join(cipher.decrypt(*block) for block in blocks)
        except Invalid as error:
            return Verdict(INVALID_DATA, f"it is encrypted: {error}")

    def _is_encrypted(self, data: bytes) -> bool:
        return data.startswith(MAGIC) or (bool(self._openers) and data.startswith(ENCRYPTED))
