"""Write the tables of docs/ anew: `python -m scripts.tables` (part of `make docs`)."""

from __future__ import annotations

import click

from scripts._lib.tables import pages, render


@click.command()
def cli() -> None:
    """Make every table in docs/ from its source."""
    for page in pages():
        page.write_text(render(page.read_text()))


if __name__ == "__main__":
    cli()
