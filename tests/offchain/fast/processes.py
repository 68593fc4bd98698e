"""Python in a process of its own, for what numba decides once per process."""

import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm

ROOT = Path(__file__).parents[3]
HASH_ONE_PAIR = """
import numpy as np
from offchain.fast.hash_row import address
from offchain.fast.keccak import hash_pairs
from offchain.protocol.keccak import keccak256
pair, digest = np.arange(64, dtype=np.uint8), np.empty(32, np.uint8)
hash_pairs(address(pair), 1, address(digest))
print(digest.tobytes() == keccak256(pair.tobytes()))
"""


def start(script, cache, folder=ROOT, **environment):
    """Run `script` in `folder` with machine code kept in `cache`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    variables |= {"ZG_CACHE_DIR": str(cache), "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, env=variables, text=True, stdout=subprocess.PIPE
    )


def printed(process):
    """What a started process printed, once it ended well."""
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output.strip()


def without_avx512():
    """numba's settings for this CPU as if its vectors had 256 bits."""
    features = llvm.get_host_cpu_features().items()
    flags = [("+" if present and "avx512" not in name else "-") + name for name, present in features]
    return {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ",".join(flags)}
