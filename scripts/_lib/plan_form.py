"""What a parameter file must look like, before any contract is asked: tables, keys, names, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from eth_utils.address import is_checksum_address

TOP = {"chain_id": int, "accounts": dict, "parameters": dict, "steps": list}
CALLED = {type(None): "nothing", int: "a number", dict: "a table", list: "a list", str: "a text"}
PARAMETER = ("value", "unit", "reason")
STEP = {"deploy": ("deploy", "with", "as"), "call": ("call", "with", "as", "done")}


class BadPlan(Exception):
    """The parameters do not fit the contracts; lists every problem."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class _Once(yaml.SafeLoader):
    """YAML in which no table names anything twice: the usual loader takes the last and says nothing."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"`{key.value}` stands here twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load(path: Path) -> dict[str, Any]:
    """The tables at `path`, empty ones filled in; BadPlan unless they have the form of a plan."""
    try:
        raw = yaml.load(path.read_text(), _Once)  # noqa: S506  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise BadPlan([f"{path.name}: {line}{error.problem}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadPlan([f"{path.name}: is no YAML: {error}"]) from error
    problems = [f"{path.name}: {problem}" for problem in _top_problems(raw)]
    if not problems:
        raw = {"parameters": {}, **raw}
        problems = [*_parameter_problems(raw["parameters"]), *_step_problems(raw["steps"]), *_name_problems(raw)]
    if problems:
        raise BadPlan(problems)
    return dict(raw)


def is_address(value: Any) -> bool:
    """Whether `value` is an address; one in capitals and small letters must be without a typing error."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        return False
    digits = value[2:]
    return digits in (digits.lower(), digits.upper()) or is_checksum_address(value)


def _top_problems(raw: Any) -> Iterator[str]:
    if not isinstance(raw, dict):
        yield f"the file holds {_called(raw)}, not a table of {', '.join(TOP)}"
        return
    yield from (f"unknown key `{key}`" for key in raw if key not in TOP)
    for key, kind in TOP.items():
        if key not in raw and key != "parameters":
            yield f"`{key}` is missing"
        elif key in raw and type(raw[key]) is not kind:
            yield f"`{key}` is {_called(raw[key])}, not {CALLED[kind]}"


def _parameter_problems(parameters: dict[str, Any]) -> Iterator[str]:
    for name, parameter in parameters.items():
        if not isinstance(parameter, dict):
            yield f"parameter {name} is {_called(parameter)}, not a table of {', '.join(PARAMETER)}"
            continue
        for key in PARAMETER:
            if parameter.get(key) in (None, ""):
                yield f"parameter {name} has no {key}"
        yield from (f"parameter {name}: unknown key `{key}`" for key in parameter if key not in PARAMETER)
        if str(parameter.get("value")).startswith("$"):
            yield f"parameter {name} refers to {parameter['value']}: parameters hold values"


def _step_problems(steps: list[Any]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        kinds = [kind for kind in STEP if isinstance(step, dict) and kind in step]
        if len(kinds) != 1:
            yield f"step {number} is neither `deploy: Contract` nor `call: Contract.function`"
            continue
        name = step[kinds[0]]
        if not re.fullmatch(r"\w+" if kinds == ["deploy"] else r"\w+\.\w+", str(name)):
            yield f"step {number}: `{kinds[0]}: {name}` names no {'contract' if kinds == ['deploy'] else 'function'}"
        yield from (f"{name}: unknown key `{key}`" for key in step if key not in STEP[kinds[0]])
        for key in ("with", "done"):
            if not isinstance(step.get(key, {}), dict):
                yield f"{name}: `{key}` is {_called(step[key])}, not a table"


def _name_problems(raw: dict[str, Any]) -> Iterator[str]:
    """A reference must mean one thing."""
    owners: dict[str, str] = {}
    names = [(name, "an account") for name in raw["accounts"]]
    names += [(name, "a parameter") for name in raw["parameters"]]
    names += [(step["deploy"], "a contract") for step in raw["steps"] if isinstance(step, dict) and "deploy" in step]
    for name, kind in names:
        if name in owners:
            same = owners[name] == kind
            yield f"{name} is deployed twice" if same else f"{name} names {owners[name]} and {kind}"
        owners[name] = kind


def _called(value: Any) -> str:
    return CALLED.get(type(value), repr(value))
