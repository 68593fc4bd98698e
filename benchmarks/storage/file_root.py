"""The Merkle tree of a file, from which its root and its proofs are read."""

import functools
import json
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.registry import Measurement, Target, benchmark
from benchmarks.timing import median_seconds
from offchain.fast import file_tree, merkle
from offchain.fast.compiled import warm_up
from offchain.fast.threads import core_count
from offchain.protocol import file_tree as protocol
from offchain.protocol.sectors import SEGMENT_BYTES, SEGMENT_SECTORS

MIB = 1 << 20
SIZE = 256 * MIB
RIVAL_SIZE = 8 * MIB
RIVAL_RUNS = 3


@benchmark("storage.file_root", "B/s", Target(4e9, {"npm-sdk": 150}))
def file_root() -> Measurement:
    """Tree of 256 MiB in memory, on all cores."""
    warm_up()
    data = _random_bytes(SIZE)
    seconds = median_seconds(lambda: file_tree.build(data))
    return Measurement(SIZE / seconds, _rivals(), (f"256 MiB in memory, {core_count()} threads", *_rival_notes()))


@benchmark("storage.file_root_disk", "B/s")
def file_root_disk() -> Measurement:
    """Tree of a file of 256 MiB in the page cache, on all cores."""
    warm_up()
    with tempfile.NamedTemporaryFile() as file:
        file.write(_random_bytes(SIZE))
        file.flush()
        seconds = median_seconds(lambda: file_tree.build_file(file.name))
    notes = (f"256 MiB in the page cache, {core_count()} threads", *_rival_notes())
    return Measurement(SIZE / seconds, _rivals(), notes)


@benchmark("storage.segment_root", "B/s")
def segment_root() -> Measurement:
    """Root of one segment of 256 KiB, on one thread."""
    warm_up()
    data = _random_bytes(SEGMENT_BYTES)
    seconds = median_seconds(lambda: merkle.segment_root(data, SEGMENT_SECTORS), runs=2001)
    return Measurement(SEGMENT_BYTES / seconds, {}, ("256 KiB in memory, 1 thread",))


@functools.cache
def _random_bytes(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


@functools.cache
def _rivals() -> Mapping[str, float]:
    """Bytes per second of each rival, on one core as they are; RuntimeError when they find another root than we."""
    data = _random_bytes(RIVAL_SIZE)
    root = file_tree.build(data).root
    npm_root, npm_seconds = _npm_sdk(data)
    if not root == protocol.build(data).root == npm_root:
        raise RuntimeError(f"the roots differ: ours {root.hex()}, the npm SDK's {npm_root.hex()}")
    plain_seconds = median_seconds(lambda: protocol.build(data), RIVAL_RUNS)
    return {"npm-sdk": RIVAL_SIZE / npm_seconds, "pycryptodome": RIVAL_SIZE / plain_seconds}


def _npm_sdk(data: bytes) -> tuple[bytes, float]:
    """Root and median seconds of the npm SDK for a file with `data`."""
    script = Path(__file__).with_suffix(".js")
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        command = ["node", str(script), file.name, str(RIVAL_RUNS)]
        printed = json.loads(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout)
    return bytes.fromhex(printed["root"][2:]), statistics.median(printed["seconds"])


def _rival_notes() -> tuple[str, ...]:
    size = f"{RIVAL_SIZE // MIB} MiB"
    return (
        f"npm-sdk: {size}, ZgFile.merkleTree() of a file in the page cache; its speed does not depend on the size",
        f"pycryptodome: {size} in memory, plain Python over Crypto.Hash.keccak",
    )
