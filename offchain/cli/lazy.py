"""Commands whose code is loaded when they run: `zg --help` must not wait for what it does not use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click


class LazyGroup(click.Group):
    """A group of which some commands are known by name only."""

    def __init__(self, *args: object, lazy: Mapping[str, tuple[str, str]], **options: object) -> None:
        """`lazy` maps a command's name to where it is, "module:attribute", and to its line in the list of commands."""
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted([*super().list_commands(ctx), *self._lazy])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command called `name`, loaded now."""
        if name not in self._lazy:
            return super().get_command(ctx, name)
        module, attribute = self._lazy[name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading any."""
        loaded = [(name, command.get_short_help_str(limit=80)) for name, command in self.commands.items()]
        rows = sorted([*loaded, *((name, line) for name, (_, line) in self._lazy.items())])
        with formatter.section("Commands"):
            formatter.write_dl(rows)
