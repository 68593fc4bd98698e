"""Kernels over rows of sectors and of pairs."""

import numpy as np
import pytest

from offchain.fast.hash_row import address
from offchain.fast.keccak import hash_pairs, hash_sectors
from offchain.protocol.keccak import keccak256

COUNTS = [0, 1, 2, 7, 8, 9, 15, 16, 17, 100]
KERNELS = [(hash_sectors, 256), (hash_pairs, 64)]


def random_bytes(count):
    return np.random.default_rng(count).integers(0, 256, count, dtype=np.uint8)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(("kernel", "item_bytes"), KERNELS)
@pytest.mark.parametrize("misalignment", [0, 1, 13])
def test_hash_items__any_count_and_alignment__equals_protocol_and_writes_no_further(
    kernel, item_bytes, count, misalignment
):
    source, target = random_bytes(item_bytes * count + misalignment), np.full(32 * count + 64, 0xAA, np.uint8)
    items = source[misalignment:]
    kernel(address(items), count, address(target) + misalignment)
    expected = b"".join(keccak256(items[at : at + item_bytes].tobytes()) for at in range(0, items.size, item_bytes))
    assert target[misalignment : misalignment + 32 * count].tobytes() == expected
    assert (target[:misalignment] == 0xAA).all() and (target[misalignment + 32 * count :] == 0xAA).all()


@pytest.mark.parametrize("count", COUNTS[1:])
@pytest.mark.parametrize(("kernel", "item_bytes"), KERNELS)
def test_hash_items__over_its_own_source__equals_another_place(kernel, item_bytes, count):
    apart, source = np.empty(32 * count, np.uint8), random_bytes(item_bytes * count)
    kernel(address(source), count, address(apart))
    kernel(address(source), count, address(source))
    assert (source[: 32 * count] == apart).all()


def test_hash_items__negative_count__writes_nothing():
    target = np.zeros(32, np.uint8)
    hash_pairs(address(target), -1, address(target))
    assert not target.any()
