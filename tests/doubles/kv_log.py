"""Submissions to streams one after another, decided by the protocol on a state in dictionaries."""

from offchain.protocol.kv.stream_data import UNCHECKED, Read, StreamData, Write
from tests.doubles.memory_state import MemoryState
from tests.doubles.streams import stream_id

ADMIN = bytes([0xA1]) * 20
S = stream_id(1)
KEY = b"key"


class Log:
    """Submissions one after another."""

    def __init__(self, held=None):
        self.state = MemoryState(held)
        self.seq = 0

    def send(self, sender, *controls, writes=(), reads=(), version=UNCHECKED, streams=(S,)):
        """The verdict about a transaction; `writes` maps (stream, key) or key to a value."""
        entries = tuple(Write(*_place(place), value) for place, value in dict(writes).items())
        data = StreamData(version, tuple(Read(*_place(read)) for read in reads), entries, controls)
        self.seq += 1
        return self.state.apply(self.seq, sender, streams, data)

    def raw(self, data, size=1):
        """The verdict about any bytes."""
        self.seq += 1
        return self.state.apply(self.seq, ADMIN, (S,), data, size)

    def value(self, key=KEY, stream=S):
        return self.state.values[stream, key][1]


def _place(place):
    return place if isinstance(place, tuple) else (S, place)
