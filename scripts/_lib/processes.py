"""Background processes of the devnet: one pid file and one log each, health waits, orderly stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a proxy
PATIENCE = 60.0  # seconds until a service that does not answer counts as broken
GRACE = 20.0  # seconds between SIGTERM and SIGKILL


class ServiceFailed(RuntimeError):
    """A service ended or stayed silent; carries the end of its log."""


class Services:
    """The processes whose pid files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first process starts."""
        self.folder = folder

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        """Run `command` in a session of its own, so that a Ctrl-C here does not reach it. Its log is continued."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        (self.folder / f"{name}.pid").write_text(f"{child.pid} {_born(child.pid)}\n")
        return child

    def wait(self, name: str, child: subprocess.Popen[bytes], probe: Callable[[], object]) -> None:
        """Return when `probe()` succeeds; ServiceFailed when the child ends or patience does."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise ServiceFailed(f"{name} ended with {child.returncode}:\n{self.tail(name)}")
            try:
                probe()
                return
            except OSError:
                time.sleep(0.05)
        raise ServiceFailed(f"{name} did not answer within {PATIENCE:.0f} s:\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        """The last lines of the log of `name`."""
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:])

    def running(self) -> dict[str, int]:
        """Names and pids of the processes that live and are ours."""
        alive = {}
        for path in self.folder.glob("*.pid"):
            pid, born = path.read_text().split()
            if _born(int(pid)) == born:
                alive[path.stem] = int(pid)
        return alive

    def complete(self) -> bool:
        """Whether something was started and all of it lives."""
        return bool(self.running()) and len(self.running()) == len(list(self.folder.glob("*.pid")))

    def kill(self, name: str) -> None:
        """End a process at once, as a power cut would."""
        os.killpg(self.running()[name], signal.SIGKILL)
        while name in self.running():
            time.sleep(0.01)

    def end(self, name: str) -> None:
        """Ask one process to end, then insist."""
        if pid := self.running().get(name):
            _end(pid)
        (self.folder / f"{name}.pid").unlink(missing_ok=True)

    def stop(self) -> list[str]:
        """Ask every process group to end, then insist; remove the pid files. Returns names, last started first."""
        order = sorted(self.folder.glob("*.pid"), key=lambda path: -path.stat().st_mtime_ns)
        alive = self.running()
        names = [path.stem for path in order if path.stem in alive]
        for name in names:
            _end(alive[name])
        for path in order:
            path.unlink(missing_ok=True)
        return names


def get(url: str) -> Any:
    """JSON at `url`; OSError when there is none."""
    with DIRECT.open(url, timeout=5) as answer:
        return json.load(answer)


def rpc(url: str, method: str, *params: Any) -> Any:
    """Result of one JSON-RPC call; OSError when nobody listens, RuntimeError when the answer is an error."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with DIRECT.open(request, timeout=60) as answer:
        reply = json.load(answer)
    if "error" in reply:
        raise RuntimeError(f"{method}: {reply['error']}")
    return reply["result"]


def _born(pid: int) -> str:
    """Start time of `pid` as the system tells it, empty when it is gone: a pid alone may have been reused."""
    told = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    words = told.stdout.split()
    return "" if not words or words[0].startswith("Z") else "_".join(words[1:])


def _end(pid: int) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            if not _born(pid):
                return
            time.sleep(0.05)
