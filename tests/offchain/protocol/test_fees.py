import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.fees import BPS, Fees, Settlement, charge, service_fee, settle

PRICE = 30_733_644_962


def test_charge__submissions__add_up_until_they_are_settled():
    fees, first = charge(Fees(PRICE), 14)
    fees, second = charge(fees, 2)
    assert (first, second) == (14 * PRICE, 2 * PRICE)
    assert fees == Fees(PRICE, settled=1, charged=16, amount=16 * PRICE)


def test_charge__free_of_charge__counts_sectors_and_no_wei():
    assert charge(Fees(0), 5) == (Fees(0, 1, 5, 0), 0)


def test_settle__flow_with_gaps__tells_what_was_charged_and_what_only_fills():
    fees, _ = charge(Fees(PRICE), 14)
    fees, settlement = settle(fees, 22)
    assert settlement == Settlement(before=1, charged=14, padding=7, amount=14 * PRICE)
    assert fees == Fees(PRICE, settled=22)


def test_settle__nothing_charged__is_none_and_changes_nothing():
    fees = Fees(PRICE, settled=22)
    assert settle(fees, 22) == (fees, None)


def test_settle__only_free_submissions__leaves_them_out():
    free, _ = charge(Fees(0), 5)
    assert settle(free, 6) == (Fees(0, settled=6), None)


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 500)), max_size=20), st.integers(1, 10**12))
def test_settle__any_history__leaves_no_sector_and_no_wei_out(history, price):
    fees, length, settlements = Fees(price), 1, []
    for at, (sectors, gap) in enumerate(history):
        fees, _ = charge(fees, sectors)
        length += gap + sectors
        if at % 3 == 2:
            fees, settlement = settle(fees, length)
            settlements.append(settlement)
    fees, last = settle(fees, length)
    settlements += [last] if last else []
    assert sum(each.charged for each in settlements) == sum(sectors for sectors, _ in history)
    assert sum(each.padding for each in settlements) == sum(gap for _, gap in history)
    assert sum(each.amount for each in settlements) == price * sum(sectors for sectors, _ in history)
    assert fees.amount == fees.charged == 0


@pytest.mark.parametrize(
    ("amount", "rate", "fee"), [(10_000, 100, 100), (9_999, 1, 0), (10_001, 1, 1), (7, BPS, 7), (7, 0, 0), (0, 5, 0)]
)
def test_service_fee__any_rate__is_rounded_down(amount, rate, fee):
    assert service_fee(amount, rate) == fee
