"""What a command prints, and the exit code it ends with."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import click

from offchain.errors import BadSettings, Invalid, NotFound, Retryable, ZgError

F = TypeVar("F", bound=Callable[..., Any])

WRONG, MISSING, REFUSED, UNAVAILABLE = 2, 3, 4, 5


class Interrupted(ZgError):
    """The user does not want to go on."""


def with_json(command: F) -> F:
    """Add `--json` to a command that takes `as_json`, and end it with the exit code that its error stands for."""

    @functools.wraps(command)
    def run(*args: Any, as_json: bool, **options: Any) -> None:
        try:
            command(*args, as_json=as_json, **options)
        except ZgError as error:
            fail(error, as_json)
        except BrokenPipeError:
            # Whoever read our output has had enough of it; Python would complain once more at its end.
            sys.stderr.close()
            sys.exit(0)

    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of words.")(run)  # type: ignore[return-value]


def fail(error: ZgError, as_json: bool) -> NoReturn:
    """Print `error` and end with its exit code."""
    message = "\n".join([str(error), *getattr(error, "__notes__", [])])
    if as_json:
        tell_error(error, message)
    else:
        click.secho(_plain(message), fg="red" if sys.stderr.isatty() else None, err=True)
    sys.exit(code_of(error))


def stop(error: click.ClickException | click.Abort, as_json: bool) -> NoReturn:
    """Print what stopped a command before it could fail by itself, and end with the exit code for that."""
    if isinstance(error, click.Abort):
        fail(Interrupted("interrupted"), as_json)
    if as_json:
        cause = error.__cause__ if isinstance(error.__cause__, ZgError) else error
        tell_error(cause, error.format_message())
    else:
        if isinstance(error, click.ClickException):
            error.message = _plain(error.message)
        error.show()
    sys.exit(error.exit_code)


def tell_error(error: Exception, message: str) -> None:
    """Print an error as JSON."""
    click.echo(json.dumps({"error": {"kind": type(error).__name__, "message": message}}))


def _plain(text: str) -> str:
    """`text` without what a terminal would obey: messages quote what strangers say."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode() for each in text
    )


def code_of(error: ZgError) -> int:
    """Exit code of an error."""
    if isinstance(error, Invalid | BadSettings):
        return WRONG
    if isinstance(error, NotFound):
        return MISSING
    return UNAVAILABLE if isinstance(error, Retryable) else REFUSED


def tell(told: Mapping[str, Any], as_json: bool) -> None:
    """Print facts: as JSON, or as lines of a name and a value."""
    if as_json:
        click.echo(json.dumps(told))
        return
    width = max(len(name) for name in told)
    for name, value in told.items():
        lines = value if isinstance(value, list) else [value]
        for at, line in enumerate(lines):
            click.echo(f"{name if at == 0 else '':{width}}  {line}")


def coins(wei: int) -> str:
    """An amount for people: coins, and wei where that says more."""
    return f"{wei / 10**18:.9f}".rstrip("0").rstrip(".") + " coins" if wei >= 10**9 else f"{wei} wei"


def size(count: int) -> str:
    """A number of bytes for people."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
