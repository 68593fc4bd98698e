"""What a miner with a part of the data earns: the model against real pads and qualities, and its limits."""

from functools import cache

import numpy as np
import pytest

from benchmarks.storage import reward_share
from benchmarks.storage.reward_share import COSTS, LOADS, Costs, early_hop, one_hop, two_hops

FREE = Costs("pads for nothing", 0.0, 0.0)
FRACTIONS = [0.9, 0.5, 0.25, 0.1]


@cache
def sample():
    return reward_share.sample(4096)


@pytest.mark.parametrize("costs", COSTS, ids=lambda costs: costs.name)
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_sample__part_of_the_loads__earns_what_the_model_says(costs, fraction):
    held = np.random.default_rng(2).permutation(LOADS) < round(fraction * LOADS)
    whole = sample().earned(np.ones(LOADS, np.bool_), costs)
    one, two = (part / all_ for part, all_ in zip(sample().earned(held, costs), whole, strict=True))
    assert one == pytest.approx(one_hop(fraction, costs), rel=0.1)
    assert two == pytest.approx(two_hops(fraction, costs), rel=0.25)


def test_sample__all_loads__pass_the_gate_about_once_each():
    assert len(sample().nonces) == pytest.approx(len(sample().loads), rel=0.1)


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_models__pads_for_nothing__pay_all_for_a_part_with_one_hop_and_the_part_with_two(fraction):
    assert one_hop(fraction, FREE) == pytest.approx(1)
    assert two_hops(fraction, FREE) == pytest.approx(fraction)


@pytest.mark.parametrize("model", [one_hop, early_hop, two_hops])
@pytest.mark.parametrize("costs", [*COSTS, FREE], ids=lambda costs: costs.name)
def test_models__more_data__never_earns_less_and_all_of_it_everything(model, costs):
    earned = [model(fraction / 100, costs) for fraction in range(1, 101)]
    assert all(less <= more + 1e-12 for less, more in zip(earned, earned[1:], strict=False))
    assert earned[-1] == pytest.approx(1)


@pytest.mark.parametrize("pad", [0.0, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_two_hops__any_cost_of_pads__never_pay_more_than_the_part_held(pad, fraction):
    assert two_hops(fraction, Costs("", pad, 0.0)) <= fraction + 1e-12
