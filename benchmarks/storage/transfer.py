"""Files through a storage node on this machine: our client, the same through the public RPC alone, the npm SDK."""

import functools
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.registry import Measurement, Target, benchmark
from offchain.chain.account import Account
from offchain.fast.compiled import warm_up
from offchain.storage.client.api import StorageClient
from scripts._lib.network import Network, Ports, bring_up, node_name
from scripts._lib.processes import Services

MIB = 1 << 20
SIZE = 1024 * MIB
RPC_SIZE = 64 * MIB
RUNS = 3
USER = 3
NPM_USER = 4
PAGE = os.sysconf("SC_PAGE_SIZE")
SCRIPT = Path(__file__).with_suffix(".cjs")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Rates:
    """Bytes per second each way, medians; `node_memory` is the most the node took, in bytes."""

    upload: float
    download: float
    node_memory: int = 0


@benchmark("storage.upload", "B/s", Target(200e6))
def upload() -> Measurement:
    """Upload of 1 GiB with our client: root, transaction, segments, until the node has finalized."""
    ours = _frames()
    return Measurement(ours.upload, {"npm-sdk": _npm().upload}, _notes(ours))


@benchmark("storage.download", "B/s", Target(200e6))
def download() -> Measurement:
    """Download of 1 GiB with our client, every segment verified."""
    ours = _frames()
    return Measurement(ours.download, {"npm-sdk": _npm().download}, _notes(ours))


@benchmark("storage.upload_rpc", "B/s")
def upload_rpc() -> Measurement:
    """Upload of 64 MiB with our client through the public JSON-RPC alone."""
    return Measurement(_rpc().upload, {"npm-sdk": _npm().upload}, ("64 MiB, median of 3",))


@benchmark("storage.download_rpc", "B/s")
def download_rpc() -> Measurement:
    """Download of 64 MiB with our client through the public JSON-RPC alone, every segment verified."""
    return Measurement(_rpc().download, {"npm-sdk": _npm().download}, ("64 MiB, median of 3",))


@functools.cache
def _frames() -> Rates:
    return _measure(SIZE, frames=True)


@functools.cache
def _rpc() -> Rates:
    return _measure(RPC_SIZE, frames=False)


def _notes(rates: Rates) -> tuple[str, ...]:
    return (
        f"1 GiB, median of {RUNS}, the wait for a block of up to 1 s included",
        f"the node took at most {rates.node_memory / MIB:.0f} MiB of memory (target: below 512)",
        "npm-sdk: 64 MiB through the public RPC; it does not verify what it downloads",
    )


def _measure(size: int, frames: bool) -> Rates:
    warm_up()
    with _network() as (network, folder):
        memory = _Memory(network.services.running()[node_name(0)])
        account = Account.from_private_key(network.describe()["accounts"][USER]["key"])
        up, down = list[float](), list[float]()
        with StorageClient(
            indexer=network.indexer,
            rpc=network.rpc,
            account=account,
            flow=network.contracts["Flow"],
            state=folder / "state",
            frames=frames,
        ) as client:
            for run in range(RUNS):
                source, copy = folder / f"{run}.bin", folder / f"{run}.copy"
                _generate(source, size)
                with _timed(up):
                    root = client.upload(source).root
                with _timed(down):
                    client.download(root, copy)
                source.unlink()
                copy.unlink()
        return Rates(size / statistics.median(up), size / statistics.median(down), memory.stop())


@functools.cache
def _npm() -> Rates:
    """The unmodified npm SDK; RuntimeError when it fails."""
    with _network() as (network, folder):
        sources = []
        for run in range(RUNS):
            sources.append(folder / f"{run}.bin")
            _generate(sources[-1], RPC_SIZE)
        job = {
            "root": str(ROOT),
            "rpc": network.rpc,
            "indexer": network.indexer,
            "key": network.describe()["accounts"][NPM_USER]["key"],
            "sources": [str(source) for source in sources],
        }
        (folder / "job.json").write_text(json.dumps(job))
        command = ["node", str(SCRIPT), str(folder / "job.json")]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode:
            raise RuntimeError(f"the npm SDK failed: {told.stderr[-2000:]}")
        measured = json.loads(told.stdout.splitlines()[-1])
    return Rates(RPC_SIZE / statistics.median(measured["up"]), RPC_SIZE / statistics.median(measured["down"]))


@contextmanager
def _network() -> Iterator[tuple[Network, Path]]:
    """A chain, one storage node and an indexer, and an empty folder."""
    with tempfile.TemporaryDirectory(prefix="zg-bench-", dir=ROOT / ".build") as name:
        services = Services(Path(name) / "network")
        try:
            yield bring_up(services, Ports.any(), lambda _: None, storage_nodes=1), Path(name)
        finally:
            services.stop()


@contextmanager
def _timed(times: list[float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    times.append(time.perf_counter() - start)


def _generate(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))


class _Memory:
    """The most memory that a process took since this began."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Bytes."""
        self._stop.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
            self._peak = max(self._peak, pages * PAGE)
