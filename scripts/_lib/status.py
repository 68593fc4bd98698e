"""What the chain says of a deployment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from eth_utils.crypto import keccak

from scripts._lib.deployment import Deployment
from scripts._lib.plan import Plan
from scripts._lib.records import Record


@dataclass(frozen=True)
class Finding:
    """One contract: what its views answer, or what is wrong."""

    contract: str
    address: str
    problem: str
    state: dict[str, str] = field(default_factory=dict)


def findings(ape: Any, plan: Plan, record: Record) -> list[Finding]:
    """One finding for each contract of the plan."""
    return [_finding(ape, plan, record, name) for name in plan.contracts]


def _finding(ape: Any, plan: Plan, record: Record, name: str) -> Finding:
    known = record.contracts.get(name)
    if known is None:
        return Finding(name, "", "not deployed")
    address = known["address"]
    code = bytes(ape.chain.provider.get_code(address))
    if not code:
        return Finding(name, address, "no code at this address: another chain, or one that was restarted")
    if "0x" + keccak(code).hex() != known["code_hash"]:
        return Finding(name, address, "other code than recorded")
    deployment = Deployment(ape, plan, None, {}, print)  # type: ignore[arg-type]
    steps = [step for step in plan.steps if step.contract == name]
    changes = [change for step in steps for change in deployment.changes(step, record)]
    if changes:
        return Finding(name, address, "; ".join(changes))
    missing = [step.name for step in steps if step.function and not deployment.is_done(step, record)]
    if missing:
        return Finding(name, address, f"not called yet: {', '.join(missing)}")
    return Finding(name, address, "", _state(ape, name, address))


def _state(ape: Any, name: str, address: str) -> dict[str, str]:
    """Every view without arguments that answers with one plain value."""
    contract = ape.project.contracts[name].at(address)
    told = {}
    for view in contract.contract_type.view_methods:
        if not view.inputs and len(view.outputs) == 1 and "(" not in view.outputs[0].canonical_type:
            value = contract.call_view_method(view.name)
            told[view.name] = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    return told
