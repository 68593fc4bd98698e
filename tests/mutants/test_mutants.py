"""Every mutant dies: its killer, run against the broken contracts in a process of its own, fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FULL
from tests.mutants.catalogue import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("contracts", "scripts", "tests")  # they find contracts beside their real path, whatever link led there
SHARED = ("offchain", "pyproject.toml", "ape-config.yaml", "package-lock.json", "requirements")
FAILED = 1  # what pytest returns when tests ran and failed, unlike 2 and above when it could not run them


# `make test` shows that the harness works; `make test-slow` runs them all.
QUICK = ("STO-01 root ignores left siblings", "STO-03 a new price counts for old files")
CHOSEN = MUTANTS if FULL else [mutant for mutant in MUTANTS if mutant.name in QUICK]


@pytest.mark.parametrize("mutant", CHOSEN, ids=lambda mutant: mutant.name)
def test_mutant__is_killed(mutant, tmp_path):
    _break(mutant, tmp_path)
    environment = {**os.environ, "ZG_HYPOTHESIS": "mutants", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:ape", "--no-header", mutant.killer]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == FAILED, (
        f"{mutant.name} survived or could not run:\n{told.stdout[-2000:]}{told.stderr[-500:]}"
    )


def _break(mutant, folder):
    """A checkout in `folder` with the mutation in place."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".cache"))
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    broken = folder / mutant.path
    text = broken.read_text()
    assert text.count(mutant.before) == 1, f"{mutant.name}: its text stands {text.count(mutant.before)} times"
    broken.write_text(text.replace(mutant.before, mutant.after))
