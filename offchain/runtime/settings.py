"""Settings: read once, from flags, environment, a TOML file and defaults in this order, then frozen.

A worker declares a subclass of `Settings`; `read_settings` fills it, `with_settings` makes its command-line options.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import click
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from offchain.errors import BadSettings
from offchain.runtime.units import shown

S = TypeVar("S", bound="Settings")

_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/?#\s]*@)?([^/?#@\s]*)\S*", re.IGNORECASE)


class Settings(BaseModel):
    """Base of all settings. Fields are flat and described with their unit; `SecretStr` marks secrets.

    A secret comes from `ZG_<WORKER>_<FIELD>` or from the file that the extra setting `<field>_file` names; never from a
    flag, which other users of the machine see, nor from the TOML file, which people share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    worker: ClassVar[str]
    """The name between `ZG_` and the field in environment variables."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse fields that the operator could not understand."""
        undescribed = [name for name, field in cls.model_fields.items() if not field.description]
        if undescribed:
            raise TypeError(f"{cls.__name__} has settings without description: {', '.join(undescribed)}")

    def shown(self) -> dict[str, Any]:
        """All values for the log: secrets masked, of addresses only where they lead, as paths carry API keys."""
        return {name: _shown(value) for name, value in self.model_dump(mode="json").items()}


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return _URL.sub(r"\1\2", value) if isinstance(value, str) else value


def variable(model: type[Settings], name: str) -> str:
    """The environment variable of a field."""
    return f"ZG_{model.worker}_{name}".upper().replace("-", "_")


def flag(name: str) -> str:
    """The command-line option of a field."""
    return "--" + name.replace("_", "-")


def is_secret(field: FieldInfo) -> bool:
    """Whether a field's value must not be shown."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def read_settings(
    model: type[S],
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> S:
    """The settings; raises `BadSettings` that lists every problem with what to do about it.

    `flags` holds those that were given; without `environment`, the process's own is read; without `file`, the one that
    `ZG_<WORKER>_CONFIG` names.
    """
    environment = os.environ if environment is None else environment
    file = file or _configured_file(model, environment)
    problems: list[str] = []
    table = _read_table(model, file, problems) if file else {}
    sources = (
        _Source({name: value for name, value in (flags or {}).items() if value is not None}, flag),
        _Source(_from_environment(model, environment), lambda name: variable(model, name)),
        _Source(table, lambda name: f"{name} in {file}"),
    )
    values = {
        name: found
        for name, field in model.model_fields.items()
        if (found := _secret(model, name, sources, problems) if is_secret(field) else _first(sources, name)) is not None
    }
    settings = _validated(model, values, problems)
    if settings is None or problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise BadSettings(f"the settings of {model.worker} cannot be used:{listed}")
    return settings


@dataclass(frozen=True, slots=True)
class _Source:
    """Values by name, and the words for where one comes from."""

    values: Mapping[str, object]
    place: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A value before validation, and where it comes from."""

    value: object
    place: str


def names_of(model: type[Settings]) -> list[str]:
    """All names that can be set: the fields, and the files of secrets."""
    return [
        alias
        for name, field in model.model_fields.items()
        for alias in ((name, f"{name}_file") if is_secret(field) else (name,))
    ]


def _configured_file(model: type[Settings], environment: Mapping[str, str]) -> Path | None:
    path = environment.get(variable(model, "config"))
    return Path(path) if path else None


def _from_environment(model: type[Settings], environment: Mapping[str, str]) -> dict[str, object]:
    # Container tools pass variables that nobody set as empty text.
    return {name: value for name in names_of(model) if (value := environment.get(variable(model, name)))}


def _read_table(model: type[Settings], file: Path, problems: list[str]) -> dict[str, object]:
    try:
        table = tomllib.loads(file.read_text())
    except OSError as error:
        problems.append(f"the file {file} cannot be read: {error.strerror}")
        return {}
    except ValueError as error:
        problems.append(f"the file {file} is not TOML: {error}")
        return {}
    known = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in names_of(model):
            close = get_close_matches(name, names_of(model), n=1)
            hint = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(names_of(model))}"
            problems.append(f"{key} in {file} is no setting: {hint}")
        elif name in model.model_fields and is_secret(model.model_fields[name]):
            problems.append(
                f"{key} in {file} is a secret in a file that people share: write it into a file of its own and set "
                f"{name}_file, or set {variable(model, name)}"
            )
        else:
            known[name] = value
    return known


def _first(sources: tuple[_Source, ...], name: str) -> _Found | None:
    for source in sources:
        if name in source.values:
            return _Found(source.values[name], source.place(name))
    return None


def _secret(model: type[Settings], name: str, sources: tuple[_Source, ...], problems: list[str]) -> _Found | None:
    environment = sources[1]
    if name in environment.values:
        return _first((environment,), name)
    path = _first(sources, f"{name}_file")
    if path is None:
        return None
    try:
        return _Found(Path(str(path.value)).read_text().strip(), f"the file {path.value}")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        problems.append(f"the file {path.value}, from {path.place}, cannot be read: {reason}")
        return _Found("", path.place)


def _validated(model: type[S], values: Mapping[str, _Found], problems: list[str]) -> S | None:
    try:
        return model.model_validate({name: found.value for name, found in values.items()})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.append(_in_words(model, values, detail))
        return None


def _in_words(model: type[Settings], values: Mapping[str, _Found], detail: Any) -> str:
    cause = detail.get("ctx", {}).get("error") or detail["msg"]
    if not detail["loc"]:
        return str(cause)
    name = str(detail["loc"][0])
    field = model.model_fields[name]
    if detail["type"] == "missing":
        return f"{name} is missing ({field.description}): set {_ways(model, name, field)}"
    found = values.get(name)
    place = found.place if found else "its default"
    text = str(cause)[:1].lower() + str(cause)[1:]
    shown = "" if is_secret(field) or found is None else f", not {found.value!r}"
    return f"{name}, from {place}: {text}{shown} ({field.description})"


def _ways(model: type[Settings], name: str, field: FieldInfo) -> str:
    if is_secret(field):
        return f"{variable(model, name)}, or the path of a file in {flag(name + '_file')}"
    return f"{flag(name)}, {variable(model, name)}, or {name} in the file given with --config"


def with_settings(model: type[S]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a click command that takes `settings`: adds `--config` and one option for each field.

    Bad settings end the command with exit code 2 and the list of problems.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        names = names_of(model)

        @wraps(function)
        def command(*args: Any, config: Path | None, **options: Any) -> Any:
            flags = {name: options.pop(name) for name in names if name in options}
            try:
                settings = read_settings(model, flags, file=config)
            except BadSettings as error:
                raise _UnusableSettings(str(error)) from error
            return function(*args, settings=settings, **options)

        described: Callable[..., Any] = command
        for name, field in reversed(model.model_fields.items()):
            described = _option(model, name, field)(described)
        help_text = f"TOML file with settings. [env: {variable(model, 'config')}]"
        return click.option("--config", type=click.Path(path_type=Path), help=help_text)(described)

    return decorate


class _UnusableSettings(click.ClickException):
    """Bad settings on the way to the terminal."""

    exit_code = 2


def _option(model: type[Settings], name: str, field: FieldInfo) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    if is_secret(field):
        text = f"File with this secret: {field.description}. [env: {variable(model, name)}, the secret itself]"
        return click.option(flag(f"{name}_file"), f"{name}_file", metavar="PATH", help=text)
    form = shown(field.annotation, field.metadata)
    if field.is_required():
        default = "required"
    else:
        default = "none" if field.default in (None, ()) else f"default: {form.write(field.default)}"
    text = f"{field.description}. [{default}; env: {variable(model, name)}]"
    if field.annotation is bool:
        return click.option(f"{flag(name)}/{flag('no_' + name)}", name, default=None, help=text)
    return click.option(flag(name), name, metavar=form.name, help=text)
