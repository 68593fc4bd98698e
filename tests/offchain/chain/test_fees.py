from hypothesis import given
from hypothesis import strategies as st

from offchain.chain.fees import capped, least, raised, usual
from offchain.chain.types import Fees

GWEI = 10**9
fees = st.builds(Fees, st.integers(1, 10**12), st.one_of(st.none(), st.integers(0, 10**12)))


def test_raised__eip_1559__lifts_both_fees_by_an_eighth_at_least():
    better = raised(Fees(100 * GWEI, 2 * GWEI), Fees(50 * GWEI, GWEI), 500 * GWEI)
    assert better.maximum * 8 >= 100 * GWEI * 9
    assert better.priority * 8 >= 2 * GWEI * 9


def test_raised__chain_became_dearer__offers_what_it_asks():
    assert raised(Fees(100, 2), Fees(900, 30), 1000) == Fees(900, 30)


def test_raised__cap_below_the_needed_raise__is_none():
    assert raised(Fees(100 * GWEI, 2 * GWEI), Fees(1, 1), 110 * GWEI) is None
    assert raised(Fees(100 * GWEI), Fees(1), 110 * GWEI) is None


def test_raised__legacy_chain__lifts_the_price():
    assert raised(Fees(100), Fees(50), 200) == Fees(114)


@given(fees, st.integers(1, 10**12), st.integers(1, 10**12), st.integers(1, 10**12))
def test_raised__any_fees__stays_below_the_cap_and_replaces(old, maximum, priority, cap):
    suggested = Fees(maximum, None if old.priority is None else priority)
    better = raised(old, suggested, cap)
    if better is None:
        return
    assert better.maximum <= cap
    assert better.maximum * 8 >= old.maximum * 9
    if old.priority is not None:
        assert better.priority <= better.maximum
        assert better.priority * 8 >= old.priority * 9


def test_capped__dear_chain__is_cut():
    assert capped(Fees(900, 30), 20) == Fees(20, 20)
    assert capped(Fees(900), 20) == Fees(20)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_least__suggestion__pays_the_base_fee_and_half_a_tip(base_fee, tip):
    suggested = Fees(2 * base_fee + tip, tip)
    assert least(suggested) == base_fee + tip // 2
    assert usual(suggested) == base_fee + tip


def test_usual__legacy_chain__is_its_gas_price():
    assert usual(Fees(900)) == 900
    assert least(Fees(900)) == 450
