"""Accounts of a deployment plan: addresses, and who signs for them."""

from __future__ import annotations

import re
from typing import Any

import ape
import click

from scripts._lib.plan import Plan, checksummed
from scripts._lib.plan_form import BadPlan, is_address

TEST = "test:"


def address_of(written: Any) -> str:
    """Address of `test:<number>`, of an Ape alias, or of an address itself."""
    if is_address(written):
        return checksummed(written)
    test = re.fullmatch(rf"{TEST}(\d+)", str(written))
    if test and int(test[1]) < len(ape.accounts.test_accounts):
        return str(ape.accounts.test_accounts[int(test[1])].address)
    if written in ape.accounts.aliases:
        return str(ape.accounts.load(written).address)
    hint = ", in quotes" if isinstance(written, int) else ""  # YAML reads a bare 0x… as a number
    raise BadPlan([f"account {written} is neither an address{hint}, an alias of Ape nor test:<number>"])


def senders_of(plan: Plan, alias: str | None, local: bool) -> dict[str, Any]:
    """Who signs for each account that sends a transaction; `alias` signs for the governor. Senders that are no accounts
    are left to the check of the plan."""
    senders: dict[str, Any] = {}
    for name in {step.sender for step in plan.steps} & plan.accounts.keys():
        address = plan.accounts[name]
        if alias and name == "governor":
            senders[name] = ape.accounts.load(alias)
        elif local:
            senders[name] = next((each for each in ape.accounts.test_accounts if each.address == address), None)
        if senders.get(name) is None:
            raise click.UsageError(f"nobody signs for {name} ({address}): give --account with its alias")
        if senders[name].address != address:
            raise click.UsageError(f"--account is {senders[name].address}, the parameters name {address} as {name}")
    return senders
