from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.reward import Chunk, Release, accrue, claim, fill, kept_after, kept_each_second, split

YEAR = 31_536_000
START = 1_700_000_000
WEI = st.integers(0, 10**24)
A_YEAR, A_WHILE = Release(term=YEAR), Release(term=100)
STEPS = st.lists(
    st.tuples(st.sampled_from(["fill", "claim", "accrue"]), st.integers(0, YEAR), WEI), min_size=1, max_size=30
)


def replayed(steps, release=A_YEAR, base_reward=0, donated=0):
    """Chunk, time, wei filled and paid after `steps`, each a deed, seconds before it and an amount."""
    chunk, now, paid = Chunk(), START, 0
    for deed, pause, amount in steps:
        now += pause
        if deed == "fill":
            chunk = fill(chunk, amount, now, release)
        elif deed == "claim":
            chunk, share, base = claim(chunk, now, release, base_reward, donated)
            donated -= base
            paid += share
        else:
            chunk = accrue(chunk, now, release)
    return chunk, now, sum(amount for deed, _, amount in steps if deed == "fill"), paid


@given(STEPS)
def test_chunk__any_history__accounts_for_every_wei(steps):
    chunk, _, filled, paid = replayed(steps)
    assert chunk.filled == filled == chunk.locked + chunk.claimable + chunk.distributed
    assert chunk.distributed == paid
    assert min(chunk.locked, chunk.claimable, chunk.distributed) >= 0


@given(STEPS)
def test_chunk__any_history__ends_within_the_release_of_the_last_fill(steps):
    chunk, now, *_ = replayed(steps)
    assert chunk.last <= now
    assert chunk.end <= now + YEAR
    done = accrue(chunk, max(now, chunk.end), A_YEAR)
    assert done.locked == 0


@given(st.integers(1, 10**24), st.lists(st.integers(0, YEAR), max_size=40))
def test_accrue__more_often__releases_less_by_at_most_a_wei_each_time(amount, moments):
    chunk = filled = fill(Chunk(), amount, START, A_YEAR)
    for moment in sorted(moments):
        chunk = accrue(chunk, START + moment, A_YEAR)
    once = accrue(filled, START + max(moments, default=0), A_YEAR)
    assert once.locked <= chunk.locked <= once.locked + len(moments)


@pytest.mark.parametrize(
    ("elapsed", "free"),
    [(0, 0), (1, 31), (YEAR // 4, 250_000_000), (YEAR - 1, 999_999_968), (YEAR, 10**9), (2 * YEAR, 10**9)],
)
def test_accrue__chunk_filled_once__releases_steadily(elapsed, free):
    chunk = accrue(fill(Chunk(), 10**9, START, A_YEAR), START + elapsed, A_YEAR)
    assert (chunk.claimable, chunk.locked) == (free, 10**9 - free)


def test_accrue__chunk_never_filled__has_nothing():
    assert accrue(Chunk(), START, A_YEAR) == Chunk(last=START)


def test_fill__first_sectors__release_at_once_in_proportion():
    """A chunk does not wait until it is full."""
    chunk = accrue(fill(Chunk(), 1000, START, A_WHILE), START + 10, A_WHILE)
    assert chunk.claimable == 100


@pytest.mark.parametrize(
    ("locked_for", "amounts", "remaining"),
    [
        (0, (1000, 1000), 100),
        (50, (1000, 500), 75),
        (100, (1000, 500), 100),
        (500, (1000, 500), 100),
        (50, (1000, 0), 50),
        (50, (0, 1000), 100),
        (50, (0, 0), 100),
    ],
)
def test_fill__again__takes_the_weighted_mean_of_the_terms(locked_for, amounts, remaining):
    first = fill(Chunk(), amounts[0], START, A_WHILE)
    chunk = fill(first, amounts[1], START + locked_for, A_WHILE)
    assert chunk.end - chunk.last == remaining
    assert chunk.filled == sum(amounts)


@given(st.integers(1, 10**24), st.integers(1, YEAR), st.integers(1, 10**24))
def test_fill__more__never_delays_what_was_locked_beyond_a_full_term_nor_frees_it_early(first, pause, second):
    before = accrue(fill(Chunk(), first, START, A_YEAR), START + pause, A_YEAR)
    after = fill(before, second, START + pause, A_YEAR)
    assert before.end <= after.end <= START + pause + YEAR
    assert after.claimable == before.claimable


def test_claim__each_answer__takes_half_of_what_is_free():
    chunk = fill(Chunk(), 1000, START, A_WHILE)
    earned = []
    for _ in range(4):
        chunk, paid, _ = claim(chunk, START + 80, A_WHILE, 0, 0)
        earned.append(paid)
    assert earned == [400, 200, 100, 50]
    assert (chunk.locked, chunk.claimable, chunk.distributed) == (200, 50, 750)


@pytest.mark.parametrize(("donated", "base"), [(0, 0), (3, 3), (7, 7), (100, 7)])
def test_claim__live_chunk__adds_the_base_reward_as_far_as_donations_go(donated, base):
    assert claim(fill(Chunk(), 1000, START, A_WHILE), START, A_WHILE, 7, donated)[2] == base


def test_claim__chunk_that_released_all__earns_no_base_reward():
    chunk = fill(Chunk(), 1000, START, A_WHILE)
    assert claim(chunk, START + 99, A_WHILE, 7, 10**6)[2] == 7
    assert claim(chunk, START + 100, A_WHILE, 7, 10**6)[1:] == (500, 0)


def test_claim__chunk_filled_for_nothing__earns_base_rewards_for_a_term():
    chunk = fill(Chunk(), 0, START, A_WHILE)
    assert [claim(chunk, START + after, A_WHILE, 7, 10**6)[2] for after in (0, 99, 100)] == [7, 7, 0]


def test_claim__chunk_never_filled__earns_nothing():
    assert claim(Chunk(), START, A_YEAR, 7, 100) == (Chunk(), 0, 0)


@given(STEPS, st.integers(0, 10**20), st.integers(0, 10**22))
def test_claim__any_history__pays_no_more_than_was_filled(steps, base_reward, donated):
    chunk, now, filled, paid = replayed(steps, base_reward=base_reward, donated=donated)
    for _ in range(200):
        chunk, share, _ = claim(chunk, now + 2 * YEAR, A_YEAR, 0, 0)
        paid += share
    assert filled - 1 <= paid <= filled or filled == paid == 0


@given(st.integers(0, 1000), st.integers(1, 1000), WEI, st.integers(1, 100))
def test_split__any_run_of_sectors__gives_each_chunk_its_part_and_every_wei_away(before, charged, amount, size):
    shares = split(before, charged, amount, size)
    assert sum(share for _, share in shares) == amount
    for number, share in shares:
        sectors = len(range(max(before, number * size), min(before + charged, (number + 1) * size)))
        assert sectors > 0 and abs(share - amount * sectors / charged) <= len(shares) + 1e-9 * amount
    assert [number for number, _ in shares] == list(range(before // size, (before + charged - 1) // size + 1))


@pytest.mark.parametrize(
    ("run", "shares"),
    [
        ((0, 10), [(0, 100)]),
        ((5, 10), [(0, 50), (1, 50)]),
        ((9, 22), [(0, 4), (1, 45), (2, 45), (3, 6)]),
        ((20, 10), [(2, 100)]),
    ],
)
def test_split__chunks_of_ten_sectors__share_in_proportion(run, shares):
    assert split(*run, 100, 10) == shares


def test_split__no_sectors__is_refused():
    with pytest.raises(Invalid, match="reward: no sectors"):
        split(20, 0, 100, 10)


def test_fill__more_than_a_contract_can_hold__is_refused():
    with pytest.raises(Invalid, match="reward: chunk is full"):
        fill(Chunk(), 1 << 94, START, A_YEAR)


@pytest.mark.parametrize("arguments", [(0, 0), (1, 1), (0, 1 << 128)])
def test_release__neither_or_both__is_refused(arguments):
    with pytest.raises(Invalid, match="reward: one of term and decay"):
        Release(*arguments)


@pytest.mark.parametrize("years", [0, 1, 2, 10])
def test_accrue__decaying_release__halves_in_each_half_life(years):
    release = Release(kept=kept_each_second(YEAR))
    chunk = accrue(fill(Chunk(), 10**24, START, release), START + years * YEAR, release)
    assert abs(chunk.locked - (10**24 >> years)) <= 2
    assert chunk.is_live(START + years * YEAR, release)
    assert chunk.locked + chunk.claimable == 10**24


@given(st.integers(1, (1 << 128) - 1), st.integers(0, 1 << 20))
def test_kept_after__any_time__is_within_its_bound_of_the_exact_value(kept, seconds):
    found = kept_after(kept, seconds)
    with localcontext(prec=200):
        exact = Decimal(1 << 128) * (Decimal(kept) / (1 << 128)) ** seconds
        assert exact - seconds - 34 <= found <= exact


@given(st.integers(1, (1 << 128) - 1), st.integers(0, 1 << 30), st.integers(0, 10**6))
def test_kept_after__later__is_never_more(kept, seconds, more):
    assert kept_after(kept, seconds + more) <= kept_after(kept, seconds) + 1
