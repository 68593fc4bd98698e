import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.chain.cursor import RECENT, Checkpoint, Cursor
from offchain.errors import Corrupted


def checkpoints(*numbers):
    return [Checkpoint(number, number.to_bytes(32, "big")) for number in numbers]


def test_to_json__read_back__is_the_same_cursor():
    cursor = Cursor().advance(checkpoints(1, 5, 9))
    assert Cursor.from_json(cursor.to_json()) == cursor


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[["a", "b"]]', '[[1, "zz"]]', "null"])
def test_from_json__damaged_text__is_corrupted(text):
    if text == "{}":
        assert Cursor.from_json(text) == Cursor()  # an empty collection either way
        return
    with pytest.raises(Corrupted):
        Cursor.from_json(text)


def test_back_to__block_between_checkpoints__keeps_what_is_below():
    cursor = Cursor().advance(checkpoints(1, 5, 9)).back_to(7)
    assert [checkpoint.number for checkpoint in cursor.checkpoints] == [1, 5]


def test_last__empty_cursor__is_none():
    assert Cursor().last is None


@given(st.lists(st.integers(1, 40), min_size=1, max_size=400))
def test_advance__any_steps__keeps_recent_blocks_and_logarithmically_many_older_ones(steps):
    cursor, number, seen = Cursor(), 0, []
    for step in steps:
        number += step
        seen.append(number)
        cursor = cursor.advance(checkpoints(number))
    kept = [checkpoint.number for checkpoint in cursor.checkpoints]
    assert kept[-RECENT:] == seen[-RECENT:]
    assert kept == sorted(set(kept))
    assert len(kept) <= RECENT + number.bit_length()


def test_advance__a_million_blocks__finds_a_checkpoint_close_to_any_depth():
    cursor = Cursor()
    for number in range(1, 20_000):
        cursor = cursor.advance(checkpoints(number))
    for depth in (1, 60, 100, 1000, 10_000):
        found = cursor.up_to(19_999 - depth)[-1].number
        assert 19_999 - found <= 4 * depth + RECENT
