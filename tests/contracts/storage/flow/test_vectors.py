"""The public vectors, through every form of submitting."""

import json
from pathlib import Path

import pytest

from offchain.protocol import file_tree
from tests.doubles.flow import FORMS

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "storage.json").read_text())


def content(size):
    return bytes((at * 131 + 7) & 0xFF for at in range(size))


@pytest.fixture(scope="module")
def submissions():
    return [file_tree.build(content(step["fileSize"])).submission() for step in VECTORS["flow"]["submissions"]]


@pytest.mark.parametrize("form", FORMS)
def test_flow__ten_public_submissions__same_places_and_roots(contracts, people, submissions, form):
    if form.endswith("batch"):
        placed = contracts.submit(submissions, people.payer, form)
    else:
        placed = [contracts.submit([each], people.payer, form)[0] for each in submissions]
    for place, step in zip(placed, VECTORS["flow"]["submissions"], strict=True):
        assert (place.index, place.start, place.sectors) == (step["txSeq"], step["startPos"], step["length"])
        assert "0x" + place.identity.hex() == step["identity"]
        assert "0x" + contracts.flow.getFlowRootByTxSeq(place.index).hex() == step["flowRoot"]


def test_flow__public_lengths__same_flow_lengths(contracts, people):
    from tests.doubles.flow import submission_of

    for sectors, length in zip(
        VECTORS["rootConsistency"]["sectors"], VECTORS["rootConsistency"]["flowLengthAfter"], strict=True
    ):
        contracts.submit([submission_of(sectors * 256)], people.payer, "submit")
        assert contracts.flow.tree()[0] == length
