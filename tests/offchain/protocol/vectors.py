"""The published vectors, for the tests of this package."""

import json
from pathlib import Path

from offchain.protocol.merkle import Proof

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "storage.json").read_text())


def unhex(text):
    return bytes.fromhex(text.removeprefix("0x"))


def proof_of(vector):
    """The proof that a vector describes."""
    return Proof(tuple(map(unhex, vector["lemma"])), tuple(vector["path"]))


def size_of(vector):
    """Name of a test with a file's vector."""
    return str(vector["size"])
