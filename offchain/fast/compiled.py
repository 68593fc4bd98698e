"""The one place that configures numba: how kernels are compiled, and where their machine code is kept.

A *kernel* is a function of 64-bit integers, addresses among them, that runs without the interpreter lock. It is
compiled when first called. numba finds its machine code again by the function's own source alone and would run stale
code after a change in an intrinsic, a constant or a called function, so each state of the sources has its own folder.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import pickle
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import llvmlite
import numba
import numpy
from llvmlite import ir
from numba import njit, types
from numba.core import config
from numba.core.caching import FunctionCache
from numba.core.registry import cpu_target
from numba.extending import intrinsic

Arguments = ParamSpec("Arguments")

KEPT_FOLDERS = 4  # branches that a developer switches between without compiling again
_DAMAGE = (OSError, EOFError, pickle.UnpicklingError)
_kernels: list[Any] = []


def kernel(function: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Compile `function` of integers on its first call; other kernels may call it too."""
    compiled = njit(nogil=True, boundscheck=False, error_model="numpy", no_cfunc_wrapper=True)(function)
    with _numba_caches_in(cache_folder()):
        compiled._cache = _Cache(function)  # what numba's own `cache=True` does, with our kind of cache
    _kernels.append(compiled)
    return compiled  # type: ignore[no-any-return]


def emitted(emit: Callable[Concatenate[ir.IRBuilder, Arguments], None]) -> Callable[Arguments, None]:
    """The function, for use within kernels, whose instructions `emit` writes: it gets a builder and LLVM values."""
    parameters = list(inspect.signature(emit).parameters.values())

    def typed(_typing: Any, *_arguments: Any) -> Any:
        def generate(target: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> Any:
            emit(builder, *values)  # type: ignore[call-arg]
            return target.get_dummy_value()

        return types.void(*[types.intp] * (len(parameters) - 1)), generate

    typed.__name__ = typed.__qualname__ = emit.__name__
    typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return intrinsic(typed)  # type: ignore[no-any-return]


def warm_up() -> None:
    """Compile, or load from disk, every kernel of the modules imported so far, so that no first caller waits."""
    for compiled in _kernels:
        count = len(inspect.signature(compiled.py_func).parameters)
        compiled.compile(types.void(*[types.intp] * count))


def has_feature(name: str) -> bool:
    """Whether machine code is made for a CPU with the feature that LLVM calls `name`."""
    _triple, _cpu, features = _target()
    return f"+{name}" in features.split(",")


@functools.cache
def cache_folder() -> Path:
    """Folder of the machine code of these sources on this CPU, ready to be written to.

    Below `$ZG_CACHE_DIR`, else `$XDG_CACHE_HOME/zg`, else `~/.cache/zg`; a temporary folder of this process where that
    cannot be written. numba unpickles what lies there, so nobody else may write to it.
    """
    with suppress(OSError, RuntimeError):
        folder = _cache_home() / "kernels" / _digest()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        os.utime(folder)
        _prune(folder.parent)
        return folder
    return Path(_temporary_folder().name)


def _cache_home() -> Path:
    if home := os.environ.get("ZG_CACHE_DIR"):
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zg"


def _digest() -> str:
    """Of everything that decides about the machine code."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted([*package.glob("*.py"), *package.with_name("protocol").glob("*.py")]):
        digest.update(f"{source.parent.name}/{source.name}\0".encode() + source.read_bytes() + b"\0")
    # numba keeps one index per function for all CPUs; two processes on different CPUs could mix it up.
    digest.update(repr((numba.__version__, llvmlite.__version__, numpy.__version__, _target())).encode())
    return digest.hexdigest()[:32]


def _target() -> tuple[str, str, str]:
    """Triple, name and features of the CPU that numba compiles for."""
    target: tuple[str, str, str] = cpu_target.target_context.codegen().magic_tuple()
    return target


def _prune(parent: Path) -> None:
    """Forget all folders but the last used. A process that still uses one compiles again, and loses nothing else."""
    with suppress(OSError):
        folders = [folder for folder in parent.iterdir() if re.fullmatch(r"[0-9a-f]{32}", folder.name)]
        for folder in sorted(folders, key=_last_use, reverse=True)[KEPT_FOLDERS:]:
            shutil.rmtree(folder, ignore_errors=True)


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@functools.cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="zg-kernels-")


@contextmanager
def _numba_caches_in(folder: Path) -> Iterator[None]:
    """Other users of numba in this process keep their own setting."""
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


class _Cache(FunctionCache):  # type: ignore[misc]
    """numba's cache of a function, except that a damaged file or a full disk costs a compilation, not the worker.

    Files are replaced as a whole, and all processes write equal ones, so that none needs a lock.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except _DAMAGE:
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(*_DAMAGE):
            super().save_overload(sig, data)
