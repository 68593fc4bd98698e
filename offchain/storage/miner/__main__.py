"""`python -m offchain.storage.miner`, the same as `zg storage mine`."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from offchain.runtime.logging import configure_logging, get_logger
from offchain.runtime.settings import with_settings
from offchain.storage.miner.settings import MinerSettings


@click.command("mine")
@with_settings(MinerSettings)
def command(settings: MinerSettings) -> None:
    """Run a miner: seal the flow's data, prove at random that it is here, earn storage fees.

    `zg storage miner register` makes the miner id that everything is sealed for. Every option can also stand in the
    environment or in the file given with --config. The miner stops in an orderly way on SIGTERM or Ctrl-C; ended in any
    other way it goes on where it was: nothing is sealed wrongly, nothing is sent twice.
    """
    from offchain.runtime.metrics import Metrics
    from offchain.runtime.worker import run
    from offchain.storage.miner.miner import miner  # takes two seconds, which `--help` need not wait for

    configure_logging(settings.log_level, settings.log_format)
    get_logger("miner").info("settings", **settings.shown())
    metrics = Metrics("storage-miner", version("offchain"))
    sys.exit(run("storage miner", miner(settings, metrics), metrics=metrics))


if __name__ == "__main__":
    command()
