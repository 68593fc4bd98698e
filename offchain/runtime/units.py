"""Sizes, durations and amounts as operators write them: "256MiB", "5s", "20gwei"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator

Units = tuple[tuple[str, int | Decimal], ...]

SIZES: Units = (
    ("B", 1),
    *((f"{prefix}iB", 1 << 10 * power) for power, prefix in enumerate("KMGT", start=1)),
    *((f"{prefix}B", 1000**power) for power, prefix in enumerate("kMGT", start=1)),
)
DURATIONS: Units = (("ms", Decimal("0.001")), ("s", 1), ("min", 60), ("h", 3600), ("d", 86400))
AMOUNTS: Units = (("wei", 1), ("gwei", 10**9), ("ether", 10**18))


@dataclass(frozen=True, slots=True)
class Shown:
    """How help texts call the values of a type, and the units they are written in."""

    name: str
    units: Units = ()

    def write(self, value: Any) -> str:
        """`value` in the largest unit that needs the fewest digits."""
        if isinstance(value, tuple):
            return ",".join(value)
        written = [f"{(Decimal(str(value)) / scale).normalize():f}{unit}" for unit, scale in self.units if value]
        return min(reversed(written), key=len, default=str(value))


def _scaled(value: object, units: Units, what: str) -> object:
    """`value` in the base unit; whatever is not text is left to the type's own check."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d[\d_]*(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    scale = {name.lower(): scale for name, scale in units}
    if not found or (found[2] and found[2].lower() not in scale):
        raise ValueError(f"should be {what} such as {', '.join(f'3{unit}' for unit, _ in units[:4])}")
    scaled = Decimal(found[1].replace("_", "")) * scale.get(found[2].lower(), 1)
    return int(scaled) if scaled == int(scaled) else scaled


def parse_size(value: object) -> object:
    """Bytes from text; a bare number counts bytes."""
    return _scaled(value, SIZES, "a size")


def parse_duration(value: object) -> object:
    """Seconds from text; a bare number counts seconds."""
    return _scaled(value, DURATIONS, "a duration")


def parse_amount(value: object) -> object:
    """Wei from text; a bare number counts wei."""
    return _scaled(value, AMOUNTS, "an amount")


def split_commas(value: object) -> object:
    """A list from text, as environment and command line give it."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Size = Annotated[int, BeforeValidator(parse_size), Shown("SIZE", SIZES)]
"""Bytes."""
Duration = Annotated[float, BeforeValidator(parse_duration), Shown("DURATION", DURATIONS)]
"""Seconds."""
Wei = Annotated[int, BeforeValidator(parse_amount), Shown("AMOUNT", AMOUNTS)]
"""Wei of the native coin."""
TextList = Annotated[tuple[str, ...], BeforeValidator(split_commas), Shown("A,B,…")]
"""Texts without commas."""

_NAMES = {int: "NUMBER", float: "NUMBER", str: "TEXT", Path: "PATH"}


def shown(annotation: Any, metadata: Sequence[Any] = ()) -> Shown:
    """How to show the values of a field."""
    for mark in metadata:
        if isinstance(mark, Shown):
            return mark
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) is Annotated:
        return shown(parts[0], parts[1:])
    if get_origin(annotation) in (Union, UnionType):
        return shown(parts[0])
    if get_origin(annotation) is Literal:
        return Shown("|".join(map(str, parts)))
    return Shown(_NAMES.get(annotation, "VALUE"))
