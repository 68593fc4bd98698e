"""What to offer for gas, and by how much to raise an offer that nobody takes; amounts in wei per gas."""

from offchain.chain.types import Fees

RAISE_PERCENT = 13  # geth refuses replacements that raise either fee by less than 10 %, others ask for 12.5 %.


def capped(fees: Fees, cap: int) -> Fees:
    """`fees` with nothing above `cap`."""
    priority = None if fees.priority is None else min(fees.priority, cap)
    return Fees(min(fees.maximum, cap), priority)


def least(suggested: Fees) -> int:
    """The maximum below which an offer is not worth a nonce.

    As a suggestion leaves room for the base fee to double, half of it pays the base fee of now and half a usual tip.
    """
    return suggested.maximum // 2


def usual(suggested: Fees) -> int:
    """The maximum that pays the base fee of now and a usual tip; the whole suggestion where there is no base fee."""
    return suggested.maximum if suggested.priority is None else (suggested.maximum + suggested.priority) // 2


def raised(fees: Fees, suggested: Fees, cap: int) -> Fees | None:
    """An offer that may replace `fees` and reaches what is `suggested` now; None if `cap` forbids it."""
    maximum = max(_raise(fees.maximum), suggested.maximum)
    if fees.priority is None:
        return Fees(min(maximum, cap)) if _raise(fees.maximum) <= cap else None
    priority = max(_raise(fees.priority), suggested.priority or 0)
    if max(_raise(fees.maximum), _raise(fees.priority)) > cap:
        return None
    return Fees(min(max(maximum, priority), cap), min(priority, cap))


def _raise(fee: int) -> int:
    return fee + fee * RAISE_PERCENT // 100 + 1
