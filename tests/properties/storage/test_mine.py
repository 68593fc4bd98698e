"""The mine against its model: proofs with anything changed.

STO-10  The mine accepts exactly the proofs that the model accepts, and refuses others with the model's reason.
STO-11  Without the data nothing is won: no changed unit, seal, sibling, position or range is accepted.
STO-12  The target after any epoch and any number of skipped ones is the model's.
"""

from dataclasses import replace

import boa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.difficulty import after_epochs
from offchain.protocol.pora import verify
from offchain.protocol.recall import RecallRange
from tests.doubles.contracts import deploy
from tests.doubles.flow import PARAMETERS
from tests.doubles.mining import Network

EASIEST = (1 << 256) - 1
WORD = st.binary(min_size=32, max_size=32)
NUMBER = st.one_of(st.integers(0, 20_000), st.sampled_from([1 << 20, 1 << 48, 1 << 200, EASIEST]))
MASK = st.one_of(st.integers(0, (1 << 64) - 1), st.integers(0, 63).map(lambda bits: (1 << 64) - (1 << bits)))


def nearly(value):
    """The number, or one near it."""
    return st.one_of(st.just(value), st.integers(-17, 17).map(lambda step: max(value + step, 0)), NUMBER)


@st.composite
def changed_unit(draw, unit):
    """The sealed unit with one thing changed."""
    what = draw(st.sampled_from(["data", "context", "sibling", "shorter", "longer"]))
    if what == "data":
        at = draw(st.integers(0, len(unit.data) - 1))
        return replace(
            unit, data=unit.data[:at] + bytes([unit.data[at] ^ 1 << draw(st.integers(0, 7))]) + unit.data[at + 1 :]
        )
    if what == "context":
        return replace(unit, context_digest=draw(WORD))
    if what == "sibling":
        at = draw(st.integers(0, len(unit.proof) - 1))
        return replace(unit, proof=(*unit.proof[:at], draw(WORD), *unit.proof[at + 1 :]))
    return replace(unit, proof=unit.proof[:-1] if what == "shorter" else (*unit.proof, draw(WORD)))


@st.composite
def changed_range(draw, within):
    """The range with one number changed."""
    name = draw(st.sampled_from(["start", "length", "shard_id", "shard_mask"]))
    value = draw(MASK if name.startswith("shard") else nearly(getattr(within, name)))
    return replace(within, **{name: value})


@st.composite
def changed(draw, answer):
    """The answer with one thing changed, or none."""
    what = draw(st.sampled_from(["nothing", "unit", "range", "position", "offset", "nonce", "miner", "context"]))
    if what == "unit":
        return replace(answer, unit=draw(changed_unit(answer.unit)))
    if what == "range":
        return replace(answer, range=draw(changed_range(answer.range)))
    if what in ("position", "offset"):
        name = "recall_position" if what == "position" else "seal_offset"
        return replace(answer, **{name: draw(nearly(getattr(answer, name)))})
    names = {"nonce": "nonce", "miner": "miner_id", "context": "context_digest"}
    return replace(answer, **{names[what]: draw(WORD)}) if what in names else answer


@pytest.fixture(scope="module")
def mined():
    """A network, its miner's surroundings, and an answer in its window."""
    with boa.env.anchor():
        network = Network()
        network.store(1 << 20)
        network.next_epoch()
        miner = network.register("miner")
        network.enter_window(miner)
        surroundings = network.surroundings(EASIEST, miners={miner.id})
        yield network, surroundings, network.solve(miner, target=EASIEST)


@given(st.data())
def test_submit__anything_changed__is_judged_as_by_the_model(mined, data):
    network, surroundings, answer = mined
    attempt = data.draw(changed(answer))
    try:
        verify(attempt, surroundings)
    except Invalid as refused:
        with boa.env.anchor(), boa.reverts(str(refused)):
            network.submit(attempt)
        return
    # Only what leads to the same unit is as good as the answer itself.
    assert attempt.unit == answer.unit
    with boa.env.anchor():
        network.submit(attempt)
        with boa.reverts("mine: known answer"):
            network.submit(attempt)


def test_range__whole_flow__is_the_only_choice(mined):
    network, _, answer = mined
    assert answer.range == RecallRange.widest(network.context().flow_length)
    assert PARAMETERS.pricing_sectors < answer.range.length


@pytest.fixture(scope="module")
def pace():
    """What the mine's pace computes."""
    with boa.env.anchor():
        yield deploy("PaceProbe")


@given(
    target=st.one_of(st.integers(0, EASIEST), st.integers(0, 1 << 40)),
    wanted=st.integers(1, 200),
    got=st.integers(0, 400),
    ratio=st.integers(1, 2**32 - 1),
    last=st.integers(1, 1_000),
    ahead=st.integers(1, 300),
    min_difficulty=st.one_of(st.just(1), st.integers(1, EASIEST)),
)
def test_target__any_pace__is_the_models(pace, target, wanted, got, ratio, last, ahead, min_difficulty):
    expected = after_epochs(target, wanted, got, ratio, last, last + ahead, min_difficulty)
    assert pace.after(target, wanted, got, ratio, last, last + ahead, EASIEST // min_difficulty) == expected
