"""A deployment as data: read `deployments/params/<network>.yaml`, check it against the ABIs, resolve its references.

Everything that can be wrong is told at once, before the first transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from scripts._lib.plan_form import BadPlan, is_address, load

Abi = list[dict[str, Any]]
AbiOf = Callable[[str], Abi]


@dataclass(frozen=True)
class Step:
    """One transaction: the deployment of `contract`, or a call of its `function` unless `done` holds already."""

    contract: str
    function: str | None
    arguments: dict[str, Any]
    sender: str
    done: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What records and messages call it."""
        return f"{self.contract}.{self.function}" if self.function else self.contract


@dataclass(frozen=True)
class Plan:
    """Steps in order, and what their references mean."""

    chain_id: int
    accounts: dict[str, str]
    parameters: dict[str, Any]
    steps: tuple[Step, ...]

    @property
    def contracts(self) -> tuple[str, ...]:
        """Names of the contracts, in the order of their deployment."""
        return tuple(step.contract for step in self.steps if step.function is None)

    def resolve(self, step: Step, deployed: Mapping[str, str], inputs: list[dict[str, Any]]) -> list[Any]:
        """Arguments of `step` in the order of the ABI `inputs`."""
        return [self.value(step.arguments[each["name"]], deployed) for each in inputs]

    def value(self, written: Any, deployed: Mapping[str, str]) -> Any:
        """What `written` stands for; addresses as the chain's answers have them."""
        value = written
        if _is_reference(written):
            known = {**self.parameters, **self.accounts, **deployed}
            if written[1:] not in known:
                raise BadPlan([f"{written} is neither a parameter, an account nor a contract deployed before"])
            value = known[written[1:]]
        return checksummed(value) if is_address(value) else value


def read(path: Path, account: Callable[[str], str]) -> Plan:
    """The plan at `path`; `account` turns what stands under `accounts` into an address. BadPlan unless it is one."""
    raw = load(path)
    problems: list[str] = []
    accounts = {}
    for name, written in raw["accounts"].items():
        try:
            accounts[name] = account(written)
        except BadPlan as bad:
            problems += bad.problems
    if problems:
        raise BadPlan(problems)
    return Plan(
        chain_id=raw["chain_id"],
        accounts=accounts,
        parameters={name: each["value"] for name, each in raw["parameters"].items()},
        steps=tuple(_step(each) for each in raw["steps"]),
    )


def _step(raw: dict[str, Any]) -> Step:
    sender = raw.get("as", "governor")
    if "deploy" in raw:
        return Step(raw["deploy"], None, raw.get("with", {}), sender)
    contract, _, function = raw["call"].partition(".")
    return Step(contract, function, raw.get("with", {}), sender, raw.get("done", {}))


def check(plan: Plan, abi_of: AbiOf) -> None:
    """BadPlan unless every step fits its ABI, every reference is known by then, every call says when it is done."""
    problems: list[str] = []
    known: set[str] = set(plan.accounts)
    for step in plan.steps:
        if step.function and step.contract not in known:
            problems.append(f"{step.name}: {step.contract} is not deployed before")
        problems += _step_problems(plan, step, abi_of, known)
        known |= set() if step.function else {step.contract}
    used = {written[1:] for step in plan.steps for written in step.arguments.values() if _is_reference(written)}
    problems += [f"parameter {name} is never used" for name in plan.parameters if name not in used]
    if problems:
        raise BadPlan(problems)


def _step_problems(plan: Plan, step: Step, abi_of: AbiOf, known: set[str]) -> Iterator[str]:
    try:
        abi = abi_of(step.contract)
    except LookupError:
        yield f"{step.name}: there is no contract {step.contract}"
        return
    inputs = inputs_of(abi, step.function)
    if inputs is None:
        yield f"{step.name}: the contract has no function {step.function} that changes anything"
        return
    if step.sender not in plan.accounts:
        yield f"{step.name}: nobody is called {step.sender}"
    wanted = {each["name"]: each["type"] for each in inputs}
    yield from (f"{step.name}: argument {name} is missing" for name in wanted if name not in step.arguments)
    for name, written in step.arguments.items():
        if name not in wanted:
            yield f"{step.name}: there is no argument {name}"
        else:
            yield from _value_problems(f"{step.name}: {name}", written, wanted[name], plan, known)
    if step.function:
        yield from _done_problems(plan, step, abi, known)


def _done_problems(plan: Plan, step: Step, abi: Abi, known: set[str]) -> Iterator[str]:
    if not step.done:
        yield f"{step.name}: says not under `done` how to see that it has happened"
    for view, written in step.done.items():
        kind = _answer_of(abi, view)
        if kind is None:
            yield f"{step.name}: done: the contract has no view {view} without arguments and with one answer"
        else:
            yield from _value_problems(f"{step.name}: done: {view}", written, kind, plan, known)


def _value_problems(where: str, written: Any, kind: str, plan: Plan, known: set[str]) -> Iterator[str]:
    value = written
    if _is_reference(written):
        name = written[1:]
        if name in known:
            if kind != "address":
                yield f"{where} wants {kind}, {written} is an address"
            return
        if name not in plan.parameters:
            yield f"{where}: {written} is neither a parameter, an account nor a contract deployed before"
            return
        value = plan.parameters[name]
    if not _fits(value, kind):
        yield f"{where} wants {kind}, not {value!r}"


def _fits(value: Any, kind: str) -> bool:
    if kind == "address":
        return is_address(value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind.startswith("uint"):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << int(kind[4:] or 256)
    if kind.startswith("bytes") and kind[5:].isdigit():
        return isinstance(value, str) and bool(re.fullmatch(f"0x[0-9a-fA-F]{{{2 * int(kind[5:])}}}", value))
    return kind == "string" and isinstance(value, str)


def _is_reference(written: Any) -> bool:
    return isinstance(written, str) and written.startswith("$")


def inputs_of(abi: Abi, function: str | None) -> list[dict[str, Any]] | None:
    """Inputs of `function`, or of the constructor; None when the ABI has no such function that changes anything."""
    for entry in abi:
        if entry["type"] == "constructor" if function is None else _is_function(entry, function, reads=False):
            inputs: list[dict[str, Any]] = entry["inputs"]
            return inputs
    return [] if function is None else None


def _answer_of(abi: Abi, view: str) -> str | None:
    """Type that `view` answers with, None when it takes arguments or answers anything but one value."""
    for entry in abi:
        if _is_function(entry, view, reads=True) and not entry["inputs"] and len(entry["outputs"]) == 1:
            return str(entry["outputs"][0]["type"])
    return None


def _is_function(entry: dict[str, Any], name: str, reads: bool) -> bool:
    is_named = entry["type"] == "function" and entry["name"] == name
    return is_named and (entry["stateMutability"] in ("view", "pure")) == reads


def checksummed(written: str) -> str:
    """An address as the records hold it."""
    return str(to_checksum_address(written))
