"""Starts workers and commands as real processes without their 2.5 s of imports: a process that has imported everything
forks. What is forked runs the module as `python -m` would, in a session of its own, with its output in a file.

As a program it reads requests as JSON lines; it kills what is left when its input ends, so that nothing outlives the
tests however they end.
"""

import atexit
import importlib
import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from functools import cache
from pathlib import Path

from tests.doubles.polling import eventually

ROOT = Path(__file__).resolve().parents[2]
PRELOADED = ("chain.sender", "cli.storage", "storage.client.api", "storage.indexer.indexer", "storage.node.node")
PRELOADED += ("storage.miner.miner", "storage.kv.server.server", "storage.kv.client.api")


class Worker:
    """A process of the nursery, with its log."""

    def __init__(self, nursery, pid, log):
        self._nursery = nursery
        self.pid = pid
        self.log = log

    @property
    def code(self):
        """Exit code, negative after a signal; None while it runs."""
        return self._nursery.ask("poll", pid=self.pid)

    def send(self, number):
        """Send a signal unless it has ended."""
        if self.code is None:
            os.kill(self.pid, number)

    def wait(self, seconds=60):
        """The exit code once there is one."""
        eventually(lambda: self.code is not None, f"the end of process {self.pid}, see {self.log}", seconds)
        return self.code

    def kill(self):
        """End it as a power cut would."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self):
        """End it in an orderly way; returns the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def limit_file_size(self, size):
        """Let writes beyond `size` bytes of a file fail from now on; None for no limit."""
        soft = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def memory(self):
        """Bytes that it has in memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def peak(self):
        """Bytes that it had in memory at most."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

    def text(self):
        """What it printed and logged."""
        return self.log.read_text(errors="replace")


class Nursery:
    """The forking process as tests see it; safe to use from several threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # threads and forks do not mix
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, module, arguments, log, file_size=None, **environment):
        """Run `module` as `python -m` would, output appended to the file `log`; no file grows beyond `file_size`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        command = {"module": module, "arguments": list(map(str, arguments)), "log": str(log), "env": environment}
        return Worker(self, self.ask("start", file_size=file_size, **command), log)

    def ask(self, request, **fields):
        """The answer to one request."""
        with self._lock:
            self._process.stdin.write(json.dumps({"do": request, **fields}) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self):
        """Kill everything."""
        self._process.stdin.close()
        self._process.wait()


@cache
def nursery():
    """The one nursery of this test run."""
    made = Nursery()
    atexit.register(made.close)
    return made


class _Forking:
    """The program."""

    def __init__(self):
        self._codes = {}

    def serve(self):
        for line in sys.stdin:
            request = json.loads(line)
            answer = getattr(self, request.pop("do"))(**request)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        for pid in [pid for pid in self._codes if self.poll(pid) is None]:
            os.killpg(pid, signal.SIGKILL)

    def start(self, module, arguments, log, env, file_size):
        pid = os.fork()
        if not pid:
            _become(module, arguments, log, env, file_size)
        self._codes[pid] = None
        return pid

    def poll(self, pid):
        if self._codes[pid] is None:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._codes[pid] = os.waitstatus_to_exitcode(status)
        return self._codes[pid]


def _become(module, arguments, log, env, file_size):
    """Run `module` in the forked process, which never returns from here."""
    code = 1
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        sys.stdin = open(0)  # noqa: SIM115
        os.environ.update(env)
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
        sys.argv[1:] = arguments
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter itself would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main():
    for module in PRELOADED:
        importlib.import_module(f"offchain.{module}")
    importlib.import_module("offchain.fast.compiled").warm_up()
    _Forking().serve()


if __name__ == "__main__":
    main()
