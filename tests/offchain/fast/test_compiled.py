"""Where machine code is kept, and for which CPU."""

import os
import platform
import shutil
from pathlib import Path

import pytest
from numba.core import config

from offchain.fast import compiled
from tests.offchain.fast.processes import HASH_ONE_PAIR, ROOT, printed, start, without_avx512

EQUALS_PROTOCOL = """
import os
from offchain.fast import compiled, file_tree, merkle
from offchain.protocol import file_tree as protocol, merkle as protocol_merkle
compiled.warm_up()
data = os.urandom(262144 + 777)
print(file_tree.build(data) == protocol.build(data) and all(
    merkle.segment_root(data[:size], 16) == protocol_merkle.segment_root(data[:size], 16) for size in (1, 256, 2303)))
"""


@pytest.fixture
def folder(monkeypatch):
    """Asks for the folder again, as a new process would."""
    monkeypatch.delenv("ZG_CACHE_DIR", raising=False)
    return compiled.cache_folder.__wrapped__


def kernel_files(cache):
    return sorted(path for path in Path(cache).rglob("*") if path.is_file())


def test_cache_folder__variables__are_used_in_their_order(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert folder().parent == tmp_path / "home" / ".cache" / "zg" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert folder().parent == tmp_path / "xdg" / "zg" / "kernels"
    monkeypatch.setenv("ZG_CACHE_DIR", str(tmp_path / "zg"))
    assert folder().parent == tmp_path / "zg" / "kernels"
    assert folder().is_dir()


def test_cache_folder__cannot_be_written__is_a_temporary_one(folder, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ZG_CACHE_DIR", str(tmp_path / "file" / "below"))
    found = folder()
    assert found.is_dir() and not found.is_relative_to(tmp_path) and found.stat().st_mode & 0o077 == 0


def test_cache_folder__old_digests__are_pruned_and_nothing_else(folder, monkeypatch, tmp_path):
    kernels = tmp_path / "kernels"
    for age in range(6):
        (kernels / f"{age:032x}").mkdir(parents=True)
        os.utime(kernels / f"{age:032x}", (10**9 - age, 10**9 - age))
    (kernels / "notes").mkdir()
    monkeypatch.setenv("ZG_CACHE_DIR", str(tmp_path))
    kept = {folder().name, "notes", *(f"{age:032x}" for age in range(compiled.KEPT_FOLDERS - 1))}
    assert {path.name for path in kernels.iterdir()} == kept


def test_kernel__defined__leaves_the_settings_of_numba_alone():
    assert not config.CACHE_DIR or Path(config.CACHE_DIR) != compiled.cache_folder()


def test_warm_up__new_process__writes_machine_code_that_the_next_one_uses(tmp_path):
    assert printed(start(EQUALS_PROTOCOL, tmp_path)) == "True"
    before = [(path, path.stat().st_mtime_ns) for path in kernel_files(tmp_path)]
    assert printed(start(EQUALS_PROTOCOL, tmp_path)) == "True"
    assert before and [(path, path.stat().st_mtime_ns) for path in kernel_files(tmp_path)] == before


def test_kernel__compiled_by_several_processes_at_once__is_right_in_all_and_later(tmp_path):
    together = [start(HASH_ONE_PAIR, tmp_path) for _ in range(3)]
    assert [printed(process) for process in together] == ["True"] * 3
    assert printed(start(HASH_ONE_PAIR, tmp_path)) == "True"


def test_kernel__damaged_machine_code__is_compiled_again(tmp_path):
    assert printed(start(HASH_ONE_PAIR, tmp_path)) == "True"
    for damage in (lambda content: content[: len(content) // 2], lambda content: bytes(len(content))):
        damaged = {path: damage(path.read_bytes()) for path in kernel_files(tmp_path)}
        for path, content in damaged.items():
            path.write_bytes(content)
        assert printed(start(HASH_ONE_PAIR, tmp_path)) == "True"
        assert damaged and all(path.read_bytes() != content for path, content in damaged.items())


def test_kernel__changed_source_of_an_intrinsic__does_not_run_stale_code(tmp_path):
    copy = tmp_path / "copy"
    for part in ("fast", "protocol"):
        shutil.copytree(ROOT / "offchain" / part, copy / "offchain" / part)
    for part in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "offchain" / part, copy / "offchain")
    assert printed(start(HASH_ONE_PAIR, tmp_path / "cache", copy)) == "True"
    source = copy / "offchain" / "fast" / "keccak_lanes.py"
    source.write_text(source.read_text().replace("PADDING_START = 0x01", "PADDING_START = 0x06"))
    assert printed(start(HASH_ONE_PAIR, tmp_path / "cache", copy)) == "False"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="pretends to be an older x86-64")
@pytest.mark.parametrize(
    "cpu", [without_avx512(), {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}], ids=["avx2", "sse2"]
)
def test_kernels__cpu_with_narrower_vectors__equal_the_protocol(tmp_path, cpu):
    assert printed(start(EQUALS_PROTOCOL, tmp_path, **cpu)) == "True"
