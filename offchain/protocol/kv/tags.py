"""Tags of a submission that name the streams it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from offchain.errors import Invalid
from offchain.protocol.submission import MAX_TAG_BYTES

ID_BYTES = 32

STREAM_DOMAIN = hashlib.sha256(b"STREAM").digest()
"""First word of the tags."""

MAX_STREAMS = MAX_TAG_BYTES // ID_BYTES - 1


def encode(streams: Iterable[bytes]) -> bytes:
    """Tags that name `streams`, each once; Invalid without any, with too many, or where one is not 32 bytes."""
    ids = tuple(dict.fromkeys(streams))
    if not 1 <= len(ids) <= MAX_STREAMS:
        raise Invalid(f"a submission belongs to 1 to {MAX_STREAMS} streams, not to {len(ids)}")
    for stream in ids:
        if len(stream) != ID_BYTES:
            raise Invalid(f"a stream id has {ID_BYTES} bytes, not {len(stream)}")
    return STREAM_DOMAIN + b"".join(ids)


def decode(tags: bytes) -> tuple[bytes, ...]:
    """Streams that `tags` name, each once, in their order; none where the tags mean something else."""
    if tags[:ID_BYTES] != STREAM_DOMAIN or len(tags) % ID_BYTES:
        return ()
    return tuple(dict.fromkeys(tags[at : at + ID_BYTES] for at in range(ID_BYTES, len(tags), ID_BYTES)))
