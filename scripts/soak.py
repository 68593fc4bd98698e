"""Random work and random kills on a network of its own, then an account of everything: `python -m scripts.soak`."""

from __future__ import annotations

import secrets
import shutil
import signal
import sys
from pathlib import Path

import click

from scripts._lib.processes import ServiceFailed, Services

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".build" / "soak"


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="How long to work.")
@click.option("--seed", type=int, default=None, help="Decides what everybody does; a random one is printed.")
@click.option("--every", type=click.FloatRange(min=1), default=30.0, help="Seconds between progress lines.")
def cli(minutes: float, seed: int | None, every: float) -> None:
    """Work, kill, account; exit 1 when anything differs. Logs stay in .build/soak."""
    # Ape imports all scripts to run one: the clients would take two seconds of each.
    from scripts._lib.soak.campaign import Campaign
    from scripts._lib.soak.town import Town
    from scripts._lib.stories.narrator import Stage

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = secrets.randbits(32) if seed is None else seed
    services, fresh = Services(HOME), Services(HOME / "fresh")
    _stop(services, fresh)  # what a killed soak left
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        click.secho(f"A soak of {minutes:g} minutes; to repeat it: --seed {chosen}", bold=True)
        (HOME / "stage").mkdir(parents=True)
        town = Town.found(lambda network: Stage(network, HOME / "stage"), services, _say)
        campaign = Campaign(town, chosen, _say)
        campaign.work(60 * minutes, every)
        _say("everybody runs again: waiting until all is known everywhere")
        campaign.settle()
        problems = list(campaign.judge())
    except ServiceFailed as failed:
        raise click.ClickException(str(failed)) from failed
    finally:
        _stop(services, fresh)
        shutil.rmtree(HOME / "stage", ignore_errors=True)
        shutil.rmtree(HOME / "data", ignore_errors=True)
    if problems:
        raise click.ClickException(f"{len(problems)} findings, seed {chosen}\n" + "\n".join(problems))
    click.secho("Everything held.", bold=True)


def _stop(*all_services: Services) -> None:
    for services in all_services:
        services.stop()


def _say(words: str) -> None:
    click.echo(f"  {words}")


if __name__ == "__main__":
    cli()
