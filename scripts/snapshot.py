"""Gas, code sizes and storage layouts as committed files: `python -m scripts.snapshot [--check]` (`make gas`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from scripts._lib.build import boa_cache, forget_stale_build

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOTS = ROOT / "snapshots"


@click.command()
@click.option("--check", is_flag=True, help="Compare with the committed files; exit 1 when one differs.")
def cli(check: bool) -> None:
    """Measure everything and write snapshots/, or compare with it."""
    # Ape imports all scripts to run one: this compiler would take two seconds of each.
    import boa.interpret

    from scripts._lib.gas import measure
    from scripts._lib.layouts import CODE_LIMIT, layouts, sizes

    forget_stale_build(ROOT)
    boa.interpret.set_cache_dir(boa_cache(ROOT))
    click.echo("measuring gas on anvil, sizes and layouts with the compiler")
    measured = {"gas.json": measure(), "sizes.json": sizes()}
    measured |= {f"layouts/{name}.json": layout for name, layout in layouts().items()}
    too_large = [name for name, size in measured["sizes.json"].items() if size > CODE_LIMIT]
    if too_large:
        raise click.ClickException(f"above the code limit of {CODE_LIMIT} bytes: {', '.join(too_large)}")
    changes = [change for name, found in measured.items() for change in _changes(name, found)]
    for change in changes:
        click.echo(change)
    if check and changes:
        raise click.ClickException("the snapshots differ: if that is meant, run `make gas` and commit them")
    if not check:
        for name, found in measured.items():
            _write(SNAPSHOTS / name, found)


def _changes(name: str, found: dict[str, Any]) -> list[str]:
    path = SNAPSHOTS / name
    known = json.loads(path.read_text()) if path.is_file() else {}
    keys = sorted(set(known) | set(found))
    return [f"{name} {key}: {known.get(key)} -> {found.get(key)}" for key in keys if known.get(key) != found.get(key)]


def _write(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    cli()
