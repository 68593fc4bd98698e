"""Submissions to streams, and the state that they should lead to."""

import base64
import random

from offchain.protocol.kv import stream_data, tags
from offchain.protocol.kv.stream_data import UNCHECKED, Control, Kind, Read, StreamData, Write
from tests.doubles.files import File


def stream_id(number):
    """Id of a stream by number."""
    return number.to_bytes(32, "big")


def b64(data):
    """Bytes as the RPC writes them."""
    return base64.b64encode(data).decode()


class StreamFile(File):
    """The file of a transaction, submitted with the tags of its streams."""

    def __init__(self, version=UNCHECKED, reads=(), writes=(), controls=(), streams=None, cut=None, encrypt=bytes):
        """`writes` are triples, `reads` pairs; `streams` tags others than those written; `cut` bytes are left out."""
        self.stream_data = StreamData(
            version,
            tuple(Read(*read) for read in reads),
            tuple(Write(*write) for write in writes),
            tuple(controls),
        )
        self.whole = not cut
        self.streams = tuple(self.stream_data.streams if streams is None else streams)
        encoded = stream_data.encode(self.stream_data)
        super().__init__(encrypt(encoded[: len(encoded) - cut] if cut else encoded))

    @property
    def hex(self):
        """The root as the RPC writes it."""
        return "0x" + self.root.hex()

    def submission(self, tags_=None):
        return self.tree.submission(tags.encode(self.streams) if tags_ is None else tags_)

    def posted(self, index):
        """Segment `index` as the RPC of storage nodes takes it."""
        from offchain.storage.wire import segment_to_json

        return segment_to_json(self.segment(index), self.leaf(index))

    def __repr__(self):
        return f"{len(self.stream_data.writes)} writes to {len(self.streams)} streams"


def some_writes(stream, count, size=100, seed=0):
    """Writes of random values to random keys."""
    dice = random.Random(f"{seed}/{stream.hex()}/{count}")
    return [
        (stream, dice.randbytes(dice.randrange(1, 40)), dice.randbytes(dice.randrange(1, size + 1)))
        for _ in range(count)
    ]


def grant_admin(stream, account):
    return Control(Kind.GRANT_ADMIN, stream, account=account)


def renounce_admin(stream):
    return Control(Kind.RENOUNCE_ADMIN, stream)


def special(stream, key):
    return Control(Kind.SET_KEY_SPECIAL, stream, key)


def normal(stream, key):
    return Control(Kind.SET_KEY_NORMAL, stream, key)


def grant_writer(stream, account):
    return Control(Kind.GRANT_WRITER, stream, account=account)


def revoke_writer(stream, account):
    return Control(Kind.REVOKE_WRITER, stream, account=account)


def renounce_writer(stream):
    return Control(Kind.RENOUNCE_WRITER, stream)


def grant_special_writer(stream, key, account):
    return Control(Kind.GRANT_SPECIAL_WRITER, stream, key, account)


def revoke_special_writer(stream, key, account):
    return Control(Kind.REVOKE_SPECIAL_WRITER, stream, key, account)


def renounce_special_writer(stream, key):
    return Control(Kind.RENOUNCE_SPECIAL_WRITER, stream, key)
