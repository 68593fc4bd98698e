"""ape run status --network …: read a deployment back from the chain and compare it with its record."""

from pathlib import Path
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand, network_option

from scripts._lib import records
from scripts._lib.accounts import address_of
from scripts._lib.plan import read
from scripts._lib.plan_form import BadPlan
from scripts._lib.status import Finding, findings

ROOT = Path(__file__).resolve().parents[1]


@click.command(cls=ConnectedProviderCommand)
@network_option()
@click.option("--params", type=click.Path(path_type=Path), help="Default: deployments/params/<network>.yaml.")
@click.option("--record", type=click.Path(path_type=Path), help="Default: deployments/records/<network>.json.")
def cli(provider: Any, params: Path | None, record: Path | None) -> None:
    """Print every contract with its state; exit 1 when the chain and the record differ."""
    network = provider.network.name
    path = (record or ROOT / "deployments" / "records" / f"{network}.json").resolve()
    known = records.load(path)
    if known is None:
        raise click.ClickException(f"{path} is missing: run `ape run deploy --network …` first")
    try:
        plan = read(params or ROOT / "deployments" / "params" / f"{network}.yaml", address_of)
    except FileNotFoundError as missing:
        raise click.ClickException(f"{missing.filename} is missing: it says what was to be deployed") from missing
    except BadPlan as bad:
        raise click.ClickException(str(bad)) from bad
    found = findings(ape, plan, known)
    _print(found)
    if any(each.problem for each in found):
        raise click.ClickException("the chain and the record differ")


def _print(found: list[Finding]) -> None:
    for each in found:
        click.echo(f"{each.contract} {each.address}")
        if each.problem:
            click.secho(f"    {each.problem}", fg="red")
        for view, told in each.state.items():
            click.echo(f"    {view:20} {told}")
