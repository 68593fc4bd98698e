"""`python -m offchain.storage.node`, the same as `zg storage node`."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from offchain.runtime.logging import configure_logging, get_logger
from offchain.runtime.settings import with_settings
from offchain.storage.node.settings import NodeSettings


@click.command("node")
@with_settings(NodeSettings)
def command(settings: NodeSettings) -> None:
    """Run a storage node: follow the flow, take segments from uploaders, serve them.

    Every option can also stand in the environment or in the file given with --config. The node stops in an orderly way
    on SIGTERM or Ctrl-C; ended in any other way it loses nothing that it has acknowledged.
    """
    from offchain.runtime.metrics import Metrics
    from offchain.runtime.worker import run
    from offchain.storage.node.node import node  # takes two seconds, which `--help` need not wait for

    configure_logging(settings.log_level, settings.log_format)
    get_logger("node").info("settings", **settings.shown())
    metrics = Metrics("storage-node", version("offchain"))
    sys.exit(run("storage node", node(settings, metrics), metrics=metrics))


if __name__ == "__main__":
    command()
