"""Tells what happens: chapters, facts, figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from scripts._lib.network import Network


@dataclass
class Stage:
    """Where a story plays: a running network and an empty folder."""

    network: Network
    folder: Path


@dataclass
class Timed:
    """How long something took, in seconds."""

    seconds: float = 0.0

    def rate(self, count: int) -> str:
        """`count` bytes in this time, for people."""
        return f"{count / max(self.seconds, 1e-9) / 1e6:,.0f} MB/s"


class Narrator:
    """Prints a story."""

    def chapter(self, number: int, title: str) -> None:
        """A chapter begins."""
        click.secho(f"\nChapter {number}: {title}", bold=True)

    def say(self, words: str) -> None:
        """One sentence."""
        click.echo(f"  {words}")

    def fact(self, name: str, value: object) -> None:
        """One figure."""
        click.echo(f"    {name:22} {value}")

    @contextmanager
    def timed(self) -> Iterator[Timed]:
        """Measures what happens inside."""
        timed, start = Timed(), time.perf_counter()
        yield timed
        timed.seconds = time.perf_counter() - start


def require(holds: bool, claim: str) -> None:
    """End the demo with an error unless what the story just claimed is true."""
    if not holds:
        raise click.ClickException(f"the story is broken: {claim}")
