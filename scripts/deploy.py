"""ape run deploy --network …: carry out `deployments/params/<network>.yaml`, resume where an earlier run stopped."""

from pathlib import Path
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand, network_option

from scripts._lib.accounts import address_of, senders_of
from scripts._lib.build import forget_stale_build
from scripts._lib.deployment import Deployment
from scripts._lib.plan import read
from scripts._lib.plan_form import BadPlan

ROOT = Path(__file__).resolve().parents[1]


@click.command(cls=ConnectedProviderCommand)
@network_option()
@click.option("--account", help="Alias of the Ape account that plays the governor; not needed on a local chain.")
@click.option("--params", type=click.Path(path_type=Path), help="Default: deployments/params/<network>.yaml.")
@click.option("--record", type=click.Path(path_type=Path), help="Default: deployments/records/<network>.json.")
def cli(provider: Any, account: str | None, params: Path | None, record: Path | None) -> None:
    """Deploy every contract that is not there yet and write the record of the network."""
    forget_stale_build(ROOT)
    network = provider.network.name
    path = (record or ROOT / "deployments" / "records" / f"{network}.json").resolve()
    try:
        plan = read(params or ROOT / "deployments" / "params" / f"{network}.yaml", address_of)
        senders = senders_of(plan, account, provider.network.is_local)
        Deployment(ape, plan, path, senders, click.echo).run()
    except FileNotFoundError as missing:
        raise click.ClickException(f"{missing.filename} is missing: describe the network there first") from missing
    except BadPlan as bad:
        raise click.ClickException(str(bad)) from bad
    click.echo(f"wrote {path}")
