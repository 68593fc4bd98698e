"""Many files uploaded at once, in another order than they were submitted in."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.doubles.samples import Sample, upload

pytestmark = pytest.mark.anvil

SIZE = 245_759
COUNT = 16


def test_upload__sixteen_files_at_once_in_reverse__all_become_complete(chain, node):
    samples = [Sample(SIZE, seed=number) for number in range(COUNT)]
    seqs = [chain.submit(sample)[0] for sample in samples]
    node.wait_for(seqs[-1])
    with ThreadPoolExecutor(COUNT) as pool:
        tasks = [
            pool.submit(upload, node, seq, sample) for seq, sample in reversed(list(zip(seqs, samples, strict=True)))
        ]
        for task in tasks:
            task.result()
    node.wait_finalized(*seqs)
    for seq, sample in zip(seqs, samples, strict=True):
        assert node.content(seq) == sample.data
