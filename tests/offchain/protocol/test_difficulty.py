from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.protocol.difficulty import MAX_SKIPPED, MAX_TARGET, MOST, adjusted, after_epochs, difficulty

UNIT = 1 << 16
TARGETS = st.integers(0, 256).flatmap(lambda bits: st.integers(0, (1 << bits) - 1))
COUNTS = st.integers(1, 1 << 32)
RATIOS = st.integers(1, 1000)


@pytest.mark.parametrize(
    ("target", "wanted", "got", "ratio", "expected"),
    [
        (1000 * UNIT, 10, 10, 20, 1000 * UNIT),
        (1000 * UNIT, 10, 20, 20, 975 * UNIT),
        (1000 * UNIT, 20, 10, 20, 1050 * UNIT),
        (1000 * UNIT, 10, 0, 20, 2000 * UNIT),
        (1000 * UNIT, 10, 20, 1, 500 * UNIT),
        (1000 * UNIT, 1, 20, 1, 500 * UNIT),
        (1000 * UNIT, 20, 1, 1, 2000 * UNIT),
        (1000 * UNIT + 65_535, 10, 10, 20, 1000 * UNIT),
        (0, 10, 0, 20, 0),
    ],
)
def test_adjusted__by_hand__follows_a_part_of_the_way_within_a_factor_of_two(target, wanted, got, ratio, expected):
    assert adjusted(target, wanted, got, ratio) == expected


@given(TARGETS, COUNTS, st.integers(0, 1 << 33), RATIOS)
def test_adjusted__any_epoch__is_the_exact_value_rounded_and_within_bounds(target, wanted, got, ratio):
    found, scaled = adjusted(target, wanted, got, ratio), target >> 16
    wished = min(Fraction(scaled * wanted, got), MOST) if got else MOST
    exact = min(max(min(scaled * Fraction(ratio - 1, ratio) + Fraction(wished, ratio), 2 * scaled), scaled // 2), MOST)
    assert found % UNIT == 0 and 0 <= found <= MAX_TARGET
    assert abs((found >> 16) - exact) <= 3 + Fraction(wanted, ratio)


@given(TARGETS, COUNTS, st.integers(0, 1 << 33), RATIOS)
def test_adjusted__any_epoch__stays_within_words_of_256_bits(target, wanted, got, ratio):
    """Each product of the formula, which a contract computes without a larger word."""
    scaled = target >> 16
    assert scaled // ratio * (ratio - 1) <= MAX_TARGET and 2 * scaled <= MAX_TARGET
    if got and scaled // got < MOST // wanted:
        assert scaled // got * wanted + scaled % got * wanted <= MAX_TARGET


@given(TARGETS, COUNTS, RATIOS, st.integers(0, 1 << 20), st.integers(1, 1 << 20))
def test_adjusted__more_answers__never_makes_it_easier(target, wanted, ratio, got, more):
    assert adjusted(target, wanted, got + more, ratio) <= adjusted(target, wanted, got, ratio)


def test_after_epochs__first_answer_ever__leaves_the_target():
    assert after_epochs(12_345, 10, 0, 20, last=0, epoch=900, min_difficulty=1) == 12_345


@pytest.mark.parametrize("got", [0, 5, 10, 20])
def test_after_epochs__epoch_before__adjusts_once(got):
    target = 10**60
    assert after_epochs(target, 10, got, 20, 7, 8, 1) == adjusted(target, 10, got, 20)


def test_after_epochs__skipped_epochs__double_the_target_for_each():
    target = adjusted(10**50, 10, 10, 20)
    for skipped in range(6):
        assert after_epochs(10**50, 10, 10, 20, 7, 8 + skipped, 1) == target << skipped


def test_after_epochs__long_silence__reaches_the_cap_and_stays():
    found = after_epochs(1 << 30, 10, 10, 20, 1, 10**9, min_difficulty=1000)
    assert found == MAX_TARGET // 1000
    assert difficulty(found) == 1000


@given(
    TARGETS, COUNTS, st.integers(0, 1 << 20), RATIOS, st.integers(1, 10**6), st.integers(1, 1000), st.integers(1, 9999)
)
def test_after_epochs__any_pause__is_capped_and_never_counts_more_than_255_skips(
    target, wanted, got, ratio, last, pause, least
):
    found = after_epochs(target, wanted, got, ratio, last, last + pause, least)
    assert found <= MAX_TARGET // least
    if pause > MAX_SKIPPED:
        assert found == after_epochs(target, wanted, got, ratio, last, last + MAX_SKIPPED + 1, least)


def test_after_epochs__hash_rate_falls_to_a_thousandth__recovers_within_ten_silent_epochs():
    target = MAX_TARGET // 10**9
    recovered = after_epochs(target, 100, 100, 20, 50, 61, 1)
    assert 900 < recovered // target < 1100


@pytest.mark.parametrize("difference", [1000, 10, 1 / 10, 1 / 1000])
def test_adjusted__hash_rate_changes__settles_where_wanted_answers_come(difference):
    """An epoch accepts at most twice what is wanted, so a thousandfold rate takes 270 epochs to catch up with."""
    wanted, target = 100, MAX_TARGET // 10**10
    hashes = int(10**12 * difference)
    for _ in range(400):
        target = adjusted(target, wanted, min(hashes * target >> 256, 2 * wanted), 20)
    assert abs((hashes * target >> 256) - wanted) <= 5


@pytest.mark.parametrize(("target", "hashes"), [(MAX_TARGET, 1), ((1 << 255) - 1, 2), (MAX_TARGET // 1000, 1000)])
def test_difficulty__target__is_the_mean_number_of_hashes(target, hashes):
    assert difficulty(target) == hashes
