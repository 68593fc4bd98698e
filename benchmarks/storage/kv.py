"""Key-value streams on this machine, on a chain with a block per second: reading, and writing until it can be read."""

import functools
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.registry import Measurement, Target, benchmark
from offchain.chain.account import Account
from offchain.storage.kv.client.api import KvClient
from offchain.storage.kv.client.batch import Batch, new_stream
from scripts._lib.anvil import free_port
from scripts._lib.network import BLOCK_SECONDS, PYTHON, Network, Ports, bring_up
from scripts._lib.processes import Services, get

READS = 2000
WARM = 200
PUTS = 10
KEYS = 1000
VALUE = b"v" * 100
USER, NPM_USER = 3, 4
SCRIPT = Path(__file__).with_suffix(".cjs")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Spread:
    """Seconds of many runs, sorted."""

    seconds: tuple[float, ...]

    def share(self, part: float) -> float:
        """What the fastest `part` of all runs stay within."""
        return self.seconds[min(int(len(self.seconds) * part), len(self.seconds) - 1)]

    def __str__(self) -> str:
        """In milliseconds."""
        return f"p50 {self.share(0.5) * 1e3:.2f} ms, p99 {self.share(0.99) * 1e3:.2f} ms"


@dataclass(frozen=True)
class Measured:
    """Everything that is measured on one network."""

    proven: Spread
    confirmed: Spread
    unproven: Spread
    puts: Spread
    npm_reads: Spread
    npm_puts: Spread


@benchmark("kv.get", "s", Target(2e-3))
def read() -> Measurement:
    """Reading one of 1,000 keys, proven against the state's root: what 99 of 100 reads stay within."""
    measured = _measured()
    return Measurement(
        measured.proven.share(0.99),
        {"npm-sdk": measured.npm_reads.share(0.99)},
        (
            f"{READS} reads of {len(VALUE)} bytes, one server: {measured.proven}",
            f"root confirmed by a second server: {measured.confirmed}",
            f"on the server's word: {measured.unproven}",
            f"npm-sdk, on the server's word: {measured.npm_reads}",
        ),
    )


@benchmark("kv.put_to_visible", "s", Target(BLOCK_SECONDS + 0.5))
def write() -> Measurement:
    """Writing one key: price, payment, upload, until the servers prove the new value; median."""
    measured = _measured()
    return Measurement(
        measured.puts.share(0.5),
        {"npm-sdk": measured.npm_puts.share(0.5)},
        (
            f"{PUTS} puts begun at random moments, blocks of {BLOCK_SECONDS} s: {measured.puts}",
            f"npm-sdk, batcher until its client reads the value: {measured.npm_puts}",
        ),
    )


@functools.cache
def _measured() -> Measured:
    with _network() as (network, servers, folder):
        account = Account.from_private_key(_key(network, USER))
        options = {"indexer": network.indexer, "rpc": network.rpc, "account": account, "state": folder / "state"}
        options["flow"] = network.contracts["Flow"]
        with KvClient(servers[:1], **options) as client:  # type: ignore[arg-type]
            stream = new_stream()
            batch = Batch()
            for number in range(KEYS):
                batch.put(stream, _name(number), VALUE)
            client.commit(batch).check()
            puts = _puts(client)
        npm = _npm(network, servers[0], stream, folder)
        return Measured(
            proven=_reads(stream, servers[:1]),
            confirmed=_reads(stream, servers),
            unproven=_reads(stream, servers[:1], unproven=True),
            puts=puts,
            npm_reads=Spread(tuple(sorted(npm["reads"]))),
            npm_puts=Spread(tuple(sorted(npm["puts"]))),
        )


def _reads(stream: bytes, servers: list[str], unproven: bool = False) -> Spread:
    dice = random.Random(1)
    with KvClient(servers, unproven=unproven) as client:

        def get() -> None:
            client.get(stream, _name(dice.randrange(KEYS)))

        _timed(get, WARM)
        return _timed(get, READS)


def _puts(client: KvClient) -> Spread:
    stream, dice = new_stream(), random.Random(2)
    client.commit(Batch().put(stream, b"first", VALUE)).check()

    def put() -> None:
        client.commit(Batch().put(stream, b"key", dice.randbytes(100))).check()

    return _timed(put, PUTS, lambda: time.sleep(dice.uniform(0, BLOCK_SECONDS)))


def _timed(work: Callable[[], None], runs: int, before: Callable[[], None] = lambda: None) -> Spread:
    seconds = []
    for _ in range(runs):
        before()
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return Spread(tuple(sorted(seconds)))


def _npm(network: Network, server: str, stream: bytes, folder: Path) -> dict[str, list[float]]:
    """Seconds of the unmodified npm SDK; RuntimeError when it fails."""
    job = {
        "root": str(ROOT),
        "rpc": network.rpc,
        "node": network.storage[0],
        "kv": server,
        "flow": network.contracts["Flow"],
        "key": _key(network, NPM_USER),
        "stream": "0x" + stream.hex(),
        "own": "0x" + new_stream().hex(),
        "keys": [_name(number).decode() for number in range(KEYS)],
        "warm": WARM,
        "reads": READS,
        "puts": PUTS,
        "block": BLOCK_SECONDS * 1000,
    }
    (folder / "job.json").write_text(json.dumps(job))
    told = subprocess.run(["node", SCRIPT, folder / "job.json"], capture_output=True, text=True, check=False)
    if told.returncode:
        raise RuntimeError(f"the npm SDK failed: {told.stderr[-2000:]}")
    measured: dict[str, list[float]] = json.loads(told.stdout.splitlines()[-1])
    return measured


@contextmanager
def _network() -> Iterator[tuple[Network, list[str], Path]]:
    """A chain, one storage node, an indexer, the URLs of two key-value servers, and an empty folder."""
    with tempfile.TemporaryDirectory(prefix="zg-bench-", dir=ROOT / ".build") as name:
        folder = Path(name)
        services = Services(folder / "network")
        try:
            network = bring_up(services, Ports.any(), lambda _: None, storage_nodes=1)
            yield network, [_serve(network, number) for number in range(2)], folder
        finally:
            services.stop()


def _serve(network: Network, number: int) -> str:
    """Start a key-value server; returns its URL."""
    name, url = f"bench-kv-{number}", f"http://127.0.0.1:{free_port()}"
    command = [PYTHON, "-m", "offchain.storage.kv.server", "--rpc", network.rpc, "--flow", network.contracts["Flow"]]
    command += ["--nodes", ",".join(network.storage), "--data", str(network.data(name)), "--min-free-disk", "0"]
    command += ["--listen", url.removeprefix("http://"), "--listen-admin", f"127.0.0.1:{free_port()}"]
    child = network.services.start(name, command)
    network.services.wait(name, child, lambda: get(f"{url}/health"))
    return url


def _key(network: Network, number: int) -> str:
    return str(network.describe()["accounts"][number]["key"])


def _name(number: int) -> bytes:
    return b"key %d" % number
