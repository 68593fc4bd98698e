"""The network in the background: `python -m scripts.devnet start|stop` (or `ape run devnet …`)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from scripts._lib.network import Ports, bring_up
from scripts._lib.processes import ServiceFailed, Services

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".devnet"
DESCRIPTION = HOME / "network.json"


@click.group()
def cli() -> None:
    """Start or stop the development network."""


@cli.command()
@click.option("--port", default=8545, show_default=True, help="Of the chain; 0 takes a free one.")
def start(port: int) -> None:
    """Start chain and workers, deploy, write .devnet/network.json. Every start begins with an empty chain."""
    services = Services(HOME)
    if services.complete() and DESCRIPTION.is_file():
        click.echo("devnet: already running, see .devnet/network.json")
        return
    services.stop()
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        network = bring_up(services, Ports(chain=port), lambda words: click.echo(f"devnet: {words}"))
    except ServiceFailed as failed:
        services.stop()
        raise click.ClickException(str(failed)) from failed
    except BaseException:
        services.stop()
        raise
    draft = DESCRIPTION.with_suffix(".json.new")
    draft.write_text(json.dumps(network.describe(), indent=2) + "\n")
    draft.replace(DESCRIPTION)
    click.echo("devnet: ready, described in .devnet/network.json; try `.venv/bin/zg storage upload README.md`")
    click.echo("devnet: stop it with `make devnet-stop`")


@cli.command()
def stop() -> None:
    """Stop the workers, then the chain."""
    stopped = Services(HOME).stop()
    DESCRIPTION.unlink(missing_ok=True)
    click.echo(f"devnet: stopped {', '.join(stopped)}" if stopped else "devnet: was not running")


if __name__ == "__main__":
    cli()
