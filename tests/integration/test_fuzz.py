"""Three clients at once: tiny files, files around a power of two, files of any size; each comes back as it went."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.doubles.cluster import cluster_in
from tests.doubles.samples import Sample

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(3600)]

LARGE, LARGE_OF_A_DAY = 64 << 20, 4 << 20
SEED = 3


def tiny(dice, full):
    return list(range(1, 351)) if full else sorted(dice.sample(range(1, 351), 25))


def around_a_power_of_two(dice, full):
    middle = LARGE if full else LARGE_OF_A_DAY
    return [middle + dice.randrange(-4 * 256, 4 * 256) for _ in range(200 if full else 4)]


def of_any_size(dice, full):
    return [int((LARGE if full else LARGE_OF_A_DAY) ** dice.random()) + 1 for _ in range(300 if full else 20)]


def store_and_read(cluster, user, sizes):
    """Store files one after the other and read each by its root; returns the roots."""
    roots = []
    with cluster.client(user) as client:
        for number, size in enumerate(sizes):
            sample = Sample(size, seed=f"{user}/{number}")
            uploaded = client.upload(sample.data)
            assert b"".join(client.stream(uploaded.root)) == sample.data, sample
            roots.append(sample.hex)
        assert client.problems == []
    return roots


def test_client__three_at_once_with_files_of_all_sizes__get_back_what_they_stored(tmp_path, full_scale):
    dice = random.Random(SEED)
    campaigns = [sizes(dice, full_scale) for sizes in (tiny, around_a_power_of_two, of_any_size)]
    with cluster_in(tmp_path, 1) as cluster, ThreadPoolExecutor(len(campaigns)) as pool:
        tasks = [pool.submit(store_and_read, cluster, user, sizes) for user, sizes in enumerate(campaigns, start=3)]
        roots = [root for task in tasks for root in task.result()]
        paid = cluster.chain.submit_events()
        assert set(paid) == set(roots)
        assert len(paid) <= len(roots)
