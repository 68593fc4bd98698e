"""The command that holds all others: errors of the command line itself are told the way other errors are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from offchain.cli.lazy import LazyGroup


class Outermost(LazyGroup):
    """A group that tells wrong usage and unusable settings as JSON too, where `--json` was given."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that `args` name, those of the process by default, and end the process with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(words, prog_name, complete_var, False, **extra)
        except (click.ClickException, click.Abort) as error:
            if not standalone_mode:
                raise
            from offchain.cli.output import stop

            stop(error, as_json="--json" in words)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)
