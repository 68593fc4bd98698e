"""What every lane shares: the stale-build guard, the hypothesis profiles, the chains."""

import os

import boa.interpret
import pytest
from hypothesis import HealthCheck, Phase, settings

from scripts._lib.build import boa_cache, forget_stale_build

FULL = os.environ.get("ZG_TEST_SCALE") == "full"

settings.register_profile("day", max_examples=25, stateful_step_count=30, deadline=None)
settings.register_profile(
    "full", max_examples=500, stateful_step_count=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("mutants", max_examples=200, stateful_step_count=30, deadline=None, phases=[Phase.generate])
settings.load_profile(os.environ.get("ZG_HYPOTHESIS", "full" if FULL else "day"))


def pytest_configure(config):
    """Forget what was compiled from other sources."""
    forget_stale_build(config.rootpath)
    boa.interpret.set_cache_dir(boa_cache(config.rootpath))


@pytest.fixture(scope="module")
def anvil(networks):
    """Ape on an anvil of its own, for tests marked `anvil`; a wider scope would stay active for later files."""
    with networks.ethereum.local.use_provider("foundry", provider_settings={"host": "auto"}) as provider:
        yield provider


@pytest.fixture(scope="session")
def full_scale():
    """Whether `make test-slow` runs: full sizes, long campaigns."""
    return FULL
