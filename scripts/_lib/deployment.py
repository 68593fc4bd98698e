"""Carries out a plan through Ape, one step after the other, and resumes where an earlier run stopped."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rlp
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts._lib import records
from scripts._lib.plan import Plan, Step, check, inputs_of
from scripts._lib.plan_form import BadPlan
from scripts._lib.records import Record

COMPILER = {"vyper": "0.4.3"}

Say = Callable[[str], None]


class Deployment:
    """A plan, the chain it is carried out on, and the record of how far it got."""

    def __init__(self, ape: Any, plan: Plan, path: Path, senders: dict[str, Any], say: Say) -> None:
        self.ape = ape
        self.plan = plan
        self.path = path
        self.senders = senders
        self.say = say
        self.chain = ape.chain.provider

    def run(self) -> Record:
        """Check the plan, then carry out what is left of it. BadPlan before anything is sent when that cannot be."""
        if self.chain.chain_id != self.plan.chain_id:
            raise BadPlan([f"these parameters are for chain {self.plan.chain_id}, this is {self.chain.chain_id}"])
        check(self.plan, self.abi)
        record = self._record()
        self._adopt(record)
        changes = [change for step in self.plan.steps for change in self.changes(step, record)]
        if changes:
            raise BadPlan([*changes, "deploy anew with another --record, or put the parameters back"])
        for step in self.plan.steps:
            if step.function is None:
                self._deploy(step, record)
            else:
                self._call(step, record)
        return record

    def abi(self, contract: str) -> list[dict[str, Any]]:
        """ABI of `contract`; LookupError when there is none."""
        container = self.ape.project.contracts.get(contract)
        if container is None:
            raise LookupError(contract)
        return [entry.model_dump(by_alias=True) for entry in container.contract_type.abi]

    def _record(self) -> Record:
        genesis = "0x" + bytes(self.chain.get_block(0).hash).hex()
        record = records.load(self.path)
        if record is None:
            return Record(self.plan.chain_id, genesis)
        if (record.chain_id, record.genesis) == (self.plan.chain_id, genesis):
            return record
        if record.chain_id == self.plan.chain_id and self.chain.network.is_local:
            self.say(f"{self.path.name} is of a chain that is gone: starting a new record")
            return Record(self.plan.chain_id, genesis)
        raise BadPlan(
            [
                f"{self.path} records chain {record.chain_id} with genesis {record.genesis}, this is chain "
                f"{self.plan.chain_id} with genesis {genesis}: name another --record"
            ]
        )

    def _deploy(self, step: Step, record: Record) -> None:
        if self._is_there(step.contract, record):
            self.say(f"{step.contract:20} {record.addresses[step.contract]} is there already")
            return
        sender = self.senders[step.sender]
        container = self.ape.project.contracts[step.contract]
        arguments = self._arguments(step, record)
        record.intent = {
            "contract": step.contract,
            "address": self._next_address(sender),
            "arguments": arguments,
            "deployer": str(sender.address),
        }
        records.save(self.path, record)
        instance = sender.deploy(container, *arguments.values())
        receipt = instance.creation_metadata.receipt
        self._note(record, str(instance.address), receipt)
        self.say(f"{step.contract:20} {instance.address} deployed, {receipt.gas_used:,} gas")

    def _adopt(self, record: Record) -> None:
        """Take over a deployment that an earlier run sent without living to note it."""
        if record.intent and self._code_hash(record.intent["address"]):
            self.say(f"{record.intent['contract']:20} {record.intent['address']} was sent before a crash")
            self._note(record, record.intent["address"], None)

    def _note(self, record: Record, address: str, receipt: Any) -> None:
        intent = record.intent or {}
        record.contracts[intent["contract"]] = {
            "address": address,
            "arguments": intent["arguments"],
            "deployer": intent["deployer"],
            "block": receipt.block_number if receipt else None,
            "transaction": receipt.txn_hash if receipt else None,
            "code_hash": self._code_hash(address),
            "compiler": COMPILER,
            "commit": _commit(),
        }
        record.intent = None
        records.save(self.path, record)

    def _call(self, step: Step, record: Record) -> None:
        contract = self.ape.project.contracts[step.contract].at(record.addresses[step.contract])
        if self.is_done(step, record):
            self.say(f"{step.name:20} has happened already")
            return
        arguments = self._arguments(step, record)
        receipt = contract.invoke_transaction(step.function, *arguments.values(), sender=self.senders[step.sender])
        record.calls[step.name] = arguments
        records.save(self.path, record)
        self.say(f"{step.name:20} called, {receipt.gas_used:,} gas")

    def _arguments(self, step: Step, record: Record) -> dict[str, Any]:
        """Values by name, in the order of the ABI."""
        inputs = inputs_of(self.abi(step.contract), step.function) or []
        values = self.plan.resolve(step, record.addresses, inputs)
        return {each["name"]: value for each, value in zip(inputs, values, strict=True)}

    def changes(self, step: Step, record: Record) -> list[str]:
        """What the parameters now say of `step` otherwise than when it was carried out."""
        if not self._is_there(step.contract, record):
            return []
        sent = record.calls.get(step.name, {}) if step.function else record.contracts[step.contract]["arguments"]
        now = {name: self._now(written, record) for name, written in step.arguments.items()}
        return [
            f"{step.name}: {name} was {value} when this was sent, the parameters now say {now.get(name)}"
            for name, value in sent.items()
            if now.get(name) != value
        ]

    def _now(self, written: Any, record: Record) -> Any:
        try:
            return self.plan.value(written, record.addresses)
        except BadPlan:
            return written  # a contract that is not deployed yet

    def is_done(self, step: Step, record: Record) -> bool:
        """Whether the views named under `done` answer as they do once `step` has happened."""
        contract = self.ape.project.contracts[step.contract].at(record.addresses[step.contract])
        return all(contract.call_view_method(view) == self._now(written, record) for view, written in step.done.items())

    def _is_there(self, contract: str, record: Record) -> bool:
        known = record.contracts.get(contract)
        return known is not None and self._code_hash(known["address"]) == known["code_hash"]

    def _code_hash(self, address: str) -> str | None:
        code = bytes(self.chain.get_code(address))
        return "0x" + keccak(code).hex() if code else None

    def _next_address(self, sender: Any) -> str:
        nonce = self.chain.get_nonce(sender.address)
        raw = rlp.encode([bytes.fromhex(str(sender.address)[2:]), nonce])
        return str(to_checksum_address(keccak(raw)[12:]))


def _commit() -> str | None:
    """The commit of the sources, None outside a git checkout."""
    told = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or None
