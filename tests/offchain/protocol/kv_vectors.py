"""The vectors of streams, for the tests of this package."""

import json
from pathlib import Path

from offchain.protocol.kv.stream_data import Control, Kind, Read, StreamData, Write
from tests.offchain.protocol.vectors import unhex

KV_VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "kv.json").read_text())


def stream_data_of(vector):
    """The transaction that a vector describes."""
    return StreamData(
        vector["version"],
        tuple(Read(*map(unhex, read)) for read in vector["reads"]),
        tuple(Write(*map(unhex, write)) for write in vector["writes"]),
        tuple(Control(Kind(kind), *map(unhex, fields)) for kind, *fields in vector["controls"]),
    )
