import os
import subprocess
import sys

import pytest

from offchain.errors import BadSettings
from offchain.store.lock import DirectoryLock

HOLD = """
import sys
from pathlib import Path
from offchain.store.lock import DirectoryLock
with DirectoryLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock__free_directory__is_created_and_held(tmp_path):
    with DirectoryLock(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data" / "lock").read_text() == f"{os.getpid()}\n"


def test_lock__held_by_another_process__names_it_and_is_free_once_that_is_killed(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(BadSettings, match=f"in use by process {holder.pid}: stop that process"),
        DirectoryLock(tmp_path),
    ):
        pass
    holder.kill()
    holder.wait()
    with DirectoryLock(tmp_path):
        pass


def test_lock__held_in_this_process__is_refused_until_released(tmp_path):
    with DirectoryLock(tmp_path), pytest.raises(BadSettings), DirectoryLock(tmp_path):
        pass
    with DirectoryLock(tmp_path):
        pass


def test_lock__directory_that_cannot_be__says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="cannot be used"), DirectoryLock(tmp_path / "file" / "data"):
        pass
