"""`python -m offchain.storage.kv.server`, the same as `zg storage kv serve`."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from offchain.runtime.logging import configure_logging, get_logger
from offchain.runtime.settings import with_settings
from offchain.storage.kv.server.settings import KvSettings

SWITCH_SECONDS = 0.0005
"""How long readers wait at most for a thread that replays; ten times that is Python's own choice."""


@click.command("serve")
@with_settings(KvSettings)
def command(settings: KvSettings) -> None:
    """Run a key-value server: follow the flow, replay streams, answer readers.

    Every option can also stand in the environment or in the file given with --config. The server stops in an orderly
    way on SIGTERM or Ctrl-C; ended in any other way it goes on where it was.
    """
    from offchain.runtime.metrics import Metrics
    from offchain.runtime.worker import run
    from offchain.storage.kv.server.server import kv_server  # takes two seconds, which `--help` need not wait for

    sys.setswitchinterval(SWITCH_SECONDS)
    configure_logging(settings.log_level, settings.log_format)
    get_logger("kv").info("settings", **settings.shown())
    metrics = Metrics("storage-kv", version("offchain"))
    sys.exit(run("storage kv", kv_server(settings, metrics), metrics=metrics))


if __name__ == "__main__":
    command()
