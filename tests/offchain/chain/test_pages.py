from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.chain.cursor import Checkpoint
from offchain.chain.filter import LogFilter
from offchain.chain.pages import CALM, LINKED, Page, PageSize, check_answer, check_blocks, check_chained, plan_page
from offchain.chain.types import Header, Log, LogPage
from offchain.errors import ChainInconsistent

ADDRESS = "0x" + "ab" * 20


def hash_of(number):
    return number.to_bytes(32, "big")


def header(number):
    return Header(number, hash_of(number), hash_of(number - 1) if number else bytes(32), number)


def log(number, index=0):
    return Log(ADDRESS, (), b"", number, hash_of(number), bytes(32), index)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 100), st.integers(1, 5000))
def test_plan_page__any_position__stays_below_the_confirmed_head_and_small(first, head, confirmations, size):
    page = plan_page(first, head, confirmations, size)
    if page is None:
        assert first > head - confirmations
        return
    assert page.first == first <= page.last <= head - confirmations
    assert page.blocks <= size
    assert page.linked == (first > head - LINKED)
    assert len(page.headers) <= max(2, LINKED)


def test_page_size__refused__halves_and_returns_slowly_below_the_refused_size():
    size = PageSize.of(2000).refused(2000)
    assert size.size == 1000
    sizes = []
    for _ in range(22):
        size = size.served()
        sizes.append(size.size)
    assert sizes == [1250, 1562] + [1750] * 17 + [1968] * 3


def test_page_size__refused_again_and_again__stays_one():
    size = PageSize.of(3).refused(3).refused(1).refused(1)
    assert (size.size, size.ceiling) == (1, 1)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_page_size__rpc_with_a_fixed_limit__is_refused_seldom(start, limit):
    size, refusals = PageSize.of(start), 0
    for _ in range(300):
        if size.size > limit:
            refusals += 1
            size = size.refused(size.size)
        else:
            size = size.served()
    assert refusals <= 24 + 300 // CALM
    assert size.size <= start


def test_check_chained__block_of_another_fork__is_inconsistent():
    page = Page(5, 7, linked=True)
    headers = {number: header(number) for number in page.headers}
    check_chained(headers, page, Checkpoint(4, hash_of(4)))
    with pytest.raises(ChainInconsistent, match="block 5 does not follow"):
        check_chained(headers, page, Checkpoint(4, hash_of(99)))
    headers[6] = replace(headers[6], parent=hash_of(99))
    with pytest.raises(ChainInconsistent, match="block 6 does not follow"):
        check_chained(headers, page, Checkpoint(4, hash_of(4)))


def test_check_chained__deep_page__looks_at_its_first_block_only():
    page = Page(5, 500, linked=False)
    check_chained({5: header(5), 500: header(500)}, page, Checkpoint(4, hash_of(4)))


@pytest.mark.parametrize(
    ("logs", "complaint"),
    [
        ([replace(log(6), removed=True)], "removed by a fork"),
        ([log(8)], "outside the blocks"),
        ([log(4)], "outside the blocks"),
        ([replace(log(6), address="0x" + "cd" * 20)], "nobody asked for"),
        ([log(6), log(6)], "twice"),
    ],
)
def test_check_answer__log_that_was_not_asked_for__is_inconsistent(logs, complaint):
    with pytest.raises(ChainInconsistent, match=complaint):
        check_answer(LogPage(tuple(logs), header(7)), Page(5, 7, True), LogFilter((ADDRESS,)), header(7))


def test_check_answer__end_exchanged_meanwhile__is_inconsistent():
    with pytest.raises(ChainInconsistent, match="exchanged while"):
        check_answer(LogPage((), header(8)), Page(5, 7, True), LogFilter((ADDRESS,)), header(7))


def test_check_blocks__log_of_another_fork__is_inconsistent():
    with pytest.raises(ChainInconsistent, match="another fork"):
        check_blocks([replace(log(6), block_hash=hash_of(99))], {6: header(6)})
