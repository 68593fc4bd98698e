"""The machine that figures were measured on."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from offchain.fast.threads import core_count

PACKAGES = ("numba", "llvmlite", "numpy", "pycryptodome")


def describe() -> dict[str, Any]:
    """Processor, cores, features that matter, versions."""
    return {
        "cpu": _cpu_model(),
        "cores": core_count(),
        "features": {"avx512": llvm.get_host_cpu_features().get("avx512f", False)},
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _cpu_model() -> str:
    """As the system names it, with LLVM's name of the architecture: cloud machines hide the model number."""
    name, source = platform.processor(), Path("/proc/cpuinfo")
    if source.exists():
        lines = source.read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name} ({llvm.get_host_cpu_name()})"
