"""A vault with one collateral for every test of shared stake."""

import pytest

from tests.doubles.vault import deploy_vault


@pytest.fixture
def vault():
    return deploy_vault()
