"""`python -m offchain.storage.indexer`, the same as `zg storage indexer`."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from offchain.runtime.logging import configure_logging, get_logger
from offchain.runtime.settings import with_settings
from offchain.storage.indexer.settings import IndexerSettings


@click.command("indexer")
@with_settings(IndexerSettings)
def command(settings: IndexerSettings) -> None:
    """Run an indexer: tell clients which storage nodes are healthy and which hold a file."""
    from offchain.runtime.metrics import Metrics
    from offchain.runtime.worker import run
    from offchain.storage.indexer.indexer import indexer  # takes two seconds, which `--help` need not wait for

    configure_logging(settings.log_level, settings.log_format)
    get_logger("indexer").info("settings", **settings.shown())
    metrics = Metrics("storage-indexer", version("offchain"))
    sys.exit(run("storage indexer", indexer(settings, metrics), metrics=metrics))


if __name__ == "__main__":
    command()
