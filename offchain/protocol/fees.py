"""Fees of the flow: charged with each submission, settled with the market when a mining epoch opens."""

from __future__ import annotations

from dataclasses import dataclass, replace

BPS = 10_000
MAX_PRICE = (1 << 56) - 2


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a market receives: wei for `charged` sectors and the `padding` between them, from sector `before` on."""

    before: int
    charged: int
    padding: int
    amount: int


@dataclass(frozen=True, slots=True)
class Fees:
    """Wei per sector, and what was charged since the last settlement, which ended at sector `settled`."""

    price: int
    settled: int = 1
    charged: int = 0
    amount: int = 0


def charge(fees: Fees, sectors: int) -> tuple[Fees, int]:
    """Fees after a submission of `sectors`, and its fee in wei."""
    fee = sectors * fees.price
    return replace(fees, charged=fees.charged + sectors, amount=fees.amount + fee), fee


def settle(fees: Fees, length: int) -> tuple[Fees, Settlement | None]:
    """Fees after a settlement of a flow of `length` sectors that the market accepts; None when nothing is due.

    Sectors that were free have no share in later fees.
    """
    if fees.amount == 0:
        return Fees(fees.price, length), None
    padding = length - fees.settled - fees.charged
    return Fees(fees.price, length), Settlement(fees.settled, fees.charged, padding, fees.amount)


def service_fee(amount: int, rate_bps: int) -> int:
    """The treasury's share of `amount` wei, rounded down."""
    return amount * rate_bps // BPS
