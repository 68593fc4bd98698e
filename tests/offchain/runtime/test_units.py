from decimal import Decimal

import pytest

from offchain.runtime.units import (
    AMOUNTS,
    DURATIONS,
    SIZES,
    Shown,
    parse_amount,
    parse_duration,
    parse_size,
    split_commas,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("256 MiB", 256 << 20),
        ("1.5gib", 3 << 29),
        ("1_000B", 1000),
    ],
)
def test_parse_size__known_unit__counts_bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("5s", 5), ("250ms", Decimal("0.25")), ("2min", 120), ("1.5h", 5400), ("1d", 86400)]
)
def test_parse_duration__known_unit__counts_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "wei"), [("7", 7), ("20gwei", 20 * 10**9), ("0.1ether", 10**17)])
def test_parse_amount__known_unit__counts_wei(text, wei):
    assert parse_amount(text) == wei


@pytest.mark.parametrize("text", ["", "MiB", "-5MiB", "5 apples", "5MiB!", "1e3"])
def test_parse_size__anything_else__is_refused_with_examples(text):
    with pytest.raises(ValueError, match="a size such as 3B, 3KiB, 3MiB, 3GiB"):
        parse_size(text)


def test_parse_size__number__is_left_to_the_type():
    assert parse_size(5) == 5


def test_split_commas__text__is_a_list_without_blanks():
    assert split_commas(" a, b ,,c") == ["a", "b", "c"]
    assert split_commas(["a"]) == ["a"]


@pytest.mark.parametrize(
    ("units", "value", "text"),
    [
        (SIZES, 256 << 20, "256MiB"),
        (SIZES, 10**9, "1GB"),
        (SIZES, 0, "0"),
        (DURATIONS, 10.0, "10s"),
        (DURATIONS, 0.25, "0.25s"),
        (AMOUNTS, 10**16, "0.01ether"),
        (AMOUNTS, 20 * 10**9, "20gwei"),
    ],
)
def test_write__default_of_an_option__is_in_the_shortest_unit(units, value, text):
    assert Shown("X", units).write(value) == text
