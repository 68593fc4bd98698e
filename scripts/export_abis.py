"""Write the ABIs that workers ship: `python -m scripts.export_abis [--check]`."""

import click

from scripts._lib.abis import ABIS, export, render


@click.command()
@click.option("--check", is_flag=True, help="Compare with the files instead; exit 1 when one differs.")
def cli(check: bool) -> None:
    """Write offchain/chain/abis/<Contract>.json for every contract."""
    stale = []
    for name, abi in export().items():
        path = ABIS / f"{name}.json"
        if check and (not path.is_file() or path.read_text() != render(abi)):
            stale.append(path.name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(render(abi))
    if stale:
        raise click.ClickException(f"stale ABIs: {', '.join(stale)}; run `make docs`")


if __name__ == "__main__":
    cli()
