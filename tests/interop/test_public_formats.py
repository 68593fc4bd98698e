"""Fragments and both public ways to encrypt, to and from an unmodified public SDK."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from offchain.protocol import secp256k1
from offchain.protocol.encryption import Identity, Key, Recipient
from offchain.storage.client.api import StorageClient
from offchain.storage.client.seeds import Encryption
from offchain.storage.client.source import Stream, cut
from offchain.storage.client.upload import UploadOptions
from tests.doubles.cluster import cluster_in, private_key
from tests.doubles.samples import Sample

pytestmark = pytest.mark.anvil

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("npm_formats.cjs")
SDK = "@0gfoundation/0g-ts-sdk"
THEIRS, OURS = 3, 4
FRAGMENT = 262_144
SIZE = FRAGMENT + 1000
KEY, PRIVATE = b"\x07" * 32, b"\x11" * 32
PUBLIC = secp256k1.public_key(PRIVATE)
WAYS = {
    "key": (Key(KEY), Key(KEY), {"key": KEY.hex()}, {"symmetricKey": "0x" + KEY.hex()}),
    "recipient": (Recipient(PUBLIC), Identity(PRIVATE), {"to": PUBLIC.hex()}, {"privateKey": "0x" + PRIVATE.hex()}),
}


# What they store, and what we do: by name, how the client is asked to.
THEIR_FILES = {"fragments": {"fragmentSize": 200_000}} | {way: {"encryption": each[2]} for way, each in WAYS.items()}
OUR_FILES = {"fragments": UploadOptions(fragment=FRAGMENT)} | {
    f"{way} in {size}": UploadOptions(fragment=size, encryption=Encryption(WAYS[way][0], public=True))
    for way in WAYS
    for size in (FRAGMENT, 1 << 32)
}


@dataclass
class Exchange:
    """Everything that was stored by either side, and what they read of ours: one process, for it waits a lot."""

    folder: Path
    client: StorageClient
    theirs: dict = field(default_factory=dict)
    ours: dict = field(default_factory=dict)

    def source(self, name):
        path = self.folder / f"{name}.source"
        if not path.exists():
            path.write_bytes(Sample(SIZE, seed=name).data)
        return path

    def copy(self, name):
        return self.folder / f"{name}.copy"

    def steps(self):
        """What the SDK is to do."""
        uploads = [{"source": str(self.source(f"their {n}")), "options": how} for n, how in THEIR_FILES.items()]
        keys = {name: WAYS[name.split()[0]][3] for name in OUR_FILES if name != "fragments"}
        return uploads + [
            {"roots": hexed(self.ours[name]), "copy": str(self.copy(name)), "decryption": keys.get(name)}
            for name in OUR_FILES
        ]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    with cluster_in(folder, 1) as cluster, cluster.client(OURS) as client:
        made = Exchange(folder, client)
        for name, options in OUR_FILES.items():
            made.ours[name] = client.upload(made.source(f"our {name}"), options).roots
        keys = {"root": str(ROOT), "sdk": SDK, "rpc": cluster.chain.url, "key": private_key(THEIRS)}
        (folder / "job.json").write_text(json.dumps(keys | {"indexer": cluster.indexer, "steps": made.steps()}))
        command = ["node", str(SCRIPT), str(folder / "job.json")]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=400)
        assert done.returncode == 0, done.stderr[-4000:]
        told = json.loads(done.stdout.splitlines()[-1])
        made.theirs = dict(zip(THEIR_FILES, map(unhex, told), strict=True))
        yield made


def unhex(roots):
    return [bytes.fromhex(root.removeprefix("0x")) for root in roots]


def hexed(roots):
    return ["0x" + root.hex() for root in roots]


def test_fragments__theirs__have_our_roots_and_are_joined_by_us(exchange, tmp_path):
    source, roots = exchange.source("their fragments"), exchange.theirs["fragments"]
    assert roots == [each.root for each in cut(Stream.of_path(source), FRAGMENT)]
    exchange.client.download(roots, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("way", WAYS)
def test_encryption__theirs__is_read_by_us(exchange, way, tmp_path):
    data, roots, opener = exchange.source(f"their {way}").read_bytes(), exchange.theirs[way], WAYS[way][1]
    exchange.client.download(roots, tmp_path / "copy", [opener])
    assert (tmp_path / "copy").read_bytes() == data
    assert exchange.client.read(roots, FRAGMENT - 50, 100, [opener]) == data[FRAGMENT - 50 : FRAGMENT + 50]


@pytest.mark.parametrize("name", OUR_FILES)
def test_ours__fragments_and_both_public_formats__are_read_by_them(exchange, name):
    assert exchange.copy(name).read_bytes() == exchange.source(f"our {name}").read_bytes()
    assert len(exchange.ours[name]) == (1 if name.endswith(str(1 << 32)) else 2)
