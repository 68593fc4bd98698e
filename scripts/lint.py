"""What the common linters do not check: `python -m scripts.lint` (part of `make lint`)."""

from __future__ import annotations

import click

from scripts._lib.abis import ABIS, export, render
from scripts._lib.house_rules import all_problems
from scripts._lib.tables import stale_pages


@click.command()
def cli() -> None:
    """Print every broken rule of this repository; exit 1 when there is one."""
    problems = all_problems()
    problems += [f"offchain/chain/abis/{name}.json: stale, run `make docs`" for name in _stale_abis()]
    problems += [f"{page}: stale, run `make docs`" for page in stale_pages()]
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.ClickException(f"{len(problems)} broken rules")
    click.echo("House rules kept.")


def _stale_abis() -> list[str]:
    def differs(name: str, text: str) -> bool:
        path = ABIS / f"{name}.json"
        return not path.is_file() or path.read_text() != text

    return [name for name, abi in export().items() if differs(name, render(abi))]


if __name__ == "__main__":
    cli()
