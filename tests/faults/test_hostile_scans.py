"""Cheap questions about a long-lived flow: they cost the node as little as they cost those who ask."""

import threading

import pytest

from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.storage.wire import to_hex
from tests.doubles.cluster import cluster_in
from tests.doubles.long_flow import lengthen
from tests.doubles.polling import eventually
from tests.doubles.samples import Sample
from tests.doubles.zgs import Refused, Zgs

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(300)]

SUBMISSIONS = 30_000
STRANGERS = 40


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A node with a file of two segments, which starts behind a gap of a whole one, and many small ones after it."""
    with cluster_in(tmp_path_factory.mktemp("scans"), 1) as cluster:
        cluster.sample = Sample(2 * SEGMENT_BYTES)
        cluster.seq = cluster.store(cluster.sample)
        cluster.nodes[0].stop()
        lengthen(cluster.nodes[0].data / "node.sqlite", SUBMISSIONS)
        cluster.nodes[0].start()
        yield cluster


def ask(node, method, *params):
    """Many strangers ask the same at once; a list that grows with every answer."""
    answers = []

    def stranger():
        try:
            answers.append(Zgs(node.url).call(method, *params))
        except Refused as refused:
            answers.append(refused)

    for _ in range(STRANGERS):
        threading.Thread(target=stranger, daemon=True).start()
    return answers


QUESTIONS = {
    "the bytes of a gap": ("zgs_getDataByNodeIndex", 0),
    "the files in a gap": ("zgs_getMetaDataByNodeIndex", 0),
    "the files among many": ("zgs_getMetaDataByNodeIndex", 4),
    "the hash of a gap": ("zgs_getHashAtNodeIndex", 0),
    "a proof": ("zgs_getSectorProof", 1030),
}


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_scans__many_at_once_on_a_long_flow__are_answered_and_hold_nobody_up(cluster, question):
    node, chain = cluster.nodes[0], cluster.chain
    method, place = QUESTIONS[question]
    answers = ask(node, method, place, *([to_hex(chain.flow.root_after(0))] if question == "a proof" else []))
    before = node.zgs_getStatus()["logSyncHeight"]
    chain.rpc("anvil_mine", "0x5")
    eventually(lambda: node.zgs_getStatus()["logSyncHeight"] == before + 5, "the node follows the chain", 20)
    assert node.segment(cluster.seq, 1) == cluster.sample.segment_data(1)
    assert node.health()[0] == 200
    eventually(lambda: len(answers) == STRANGERS, "every stranger has an answer", 20)
    assert not [answer for answer in answers if isinstance(answer, Refused)]
