"""The stories on real data, on a network of their own: `python -m scripts.demo`."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import click

from scripts._lib.network import Ports, bring_up
from scripts._lib.processes import ServiceFailed, Services

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".build" / "demo"
CARELESS = ["--no-verify-reads", "--scrub-rate", "0"]  # storage-1 plays a node that sends what its disk gives


@click.command()
def cli() -> None:
    """Bring the network up, tell the stories, clean up, also after Ctrl-C or SIGTERM."""
    # Ape imports all scripts to run one: the client would take two seconds of each.
    from scripts._lib.stories import mine_an_epoch, store_a_file, write_a_stream
    from scripts._lib.stories.narrator import Narrator, Stage

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    services = Services(HOME)
    services.stop()  # what a killed demo left
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        click.secho("A network of its own", bold=True)
        network = bring_up(services, Ports.any(), lambda words: click.echo(f"  {words}"), {0: CARELESS})
        stage = Stage(network, HOME / "stage")
        stage.folder.mkdir(parents=True)
        narrator = Narrator()
        store_a_file.tell(stage, narrator)
        narrator.chapter(2, "mining that pays, and the mutable half of storage")
        mine_an_epoch.tell(stage, narrator)
        write_a_stream.tell(stage, narrator)
    except ServiceFailed as failed:
        raise click.ClickException(str(failed)) from failed
    finally:
        services.stop()
        shutil.rmtree(HOME / "stage", ignore_errors=True)
        shutil.rmtree(HOME / "data", ignore_errors=True)
    click.secho("\nEverything held.", bold=True)


if __name__ == "__main__":
    cli()
