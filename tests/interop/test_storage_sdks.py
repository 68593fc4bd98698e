"""The public SDKs, unmodified, against one `Flow` address: what they upload they get back, and roots agree."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.client.api import StorageClient
from offchain.storage.client.source import Source
from tests.doubles.devnet import key_of, network_in

pytestmark = pytest.mark.anvil

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SIZES = [1, 255, 256, 257, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, (1 << 20) + 3, 10 << 20]
NPM = ["node", str(HERE / "npm_storage.cjs")]
PYPI = [str(ROOT / ".venv-storage-sdk" / "bin" / "python"), str(HERE / "pypi_storage.py")]
SDKS = {
    "npm 1.2 (new ABI)": (NPM, "@0gfoundation/0g-ts-sdk", 3),
    "npm 0.3 (old ABI)": (NPM, "@0glabs/0g-ts-sdk", 4),
    "PyPI 0.4 (new ABI)": (PYPI, None, 5),
}
PATIENCE = 400  # seconds
OLD_UPLOAD = {"tags": "0x", "finalityRequired": True, "taskSize": 10, "skipTx": False, "fee": 0}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with network_in(tmp_path_factory.mktemp("interop")) as network:
        yield network


@pytest.fixture(scope="module")
def running(network, tmp_path_factory):
    """Every SDK at work side by side, each for an account of its own: most of the time they wait for blocks."""
    jobs = {name: _start(name, network, tmp_path_factory.mktemp("files")) for name in SDKS}
    yield jobs
    for _, process in jobs.values():
        process.kill()


@pytest.fixture(scope="module", params=SDKS, ids=str)
def transferred(request, running):
    """Files that an SDK uploaded and downloaded, and what it told."""
    files, process = running[request.param]
    told, errors = process.communicate(timeout=PATIENCE)
    if process.returncode:
        pytest.fail(f"{request.param} failed:\n{errors[-4000:]}")
    return files, json.loads(told.splitlines()[-1])


def _start(name, network, folder):
    command, sdk, account = SDKS[name]
    if "/" in command[0] and not Path(command[0]).exists():
        pytest.fail(f"{command[0]} is missing: run `make test`, which installs it")
    files = [_file(folder, size, account) for size in SIZES]
    job = {
        "root": str(ROOT),
        "sdk": sdk,
        "rpc": network.rpc,
        "indexer": network.indexer,
        "key": key_of(network, account),
        "replicas": 2,
        "options": OLD_UPLOAD if "0.3" in name else {"finalityRequired": True},
        "files": [{"source": str(source), "copy": str(copy)} for source, copy in files],
    }
    (folder / "job.json").write_text(json.dumps(job))
    process = subprocess.Popen(
        [*command, str(folder / "job.json")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return files, process


def _file(folder, size, seed):
    source = folder / f"{size}.bin"
    source.write_bytes(bytes([seed]) + os.urandom(size - 1))
    return source, folder / f"{size}.copy"


def test_sdk__files_of_every_size__come_back_the_same(transferred):
    files, _ = transferred
    for source, copy in files:
        assert copy.read_bytes() == source.read_bytes(), source.name


def test_sdk__roots__are_ours(transferred):
    files, told = transferred
    for (source, _), answer in zip(files, told, strict=True):
        assert answer["root"].removeprefix("0x") == Source.of_path(source).root.hex(), source.name


def test_sdk__what_it_uploaded__our_client_verifies(transferred, network, tmp_path):
    files, told = transferred
    with StorageClient(indexer=network.indexer) as client:
        for (source, _), answer in zip(files, told, strict=True):
            client.download(bytes.fromhex(answer["root"].removeprefix("0x")), tmp_path / source.name)
            assert (tmp_path / source.name).read_bytes() == source.read_bytes()
        assert client.problems == []
