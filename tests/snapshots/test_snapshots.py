"""The committed figures are those of the sources: a changed gas, size or layout is a reviewed line."""

import json

import pytest

from scripts._lib.gas import measure
from scripts._lib.layouts import CODE_LIMIT, layouts, sizes
from scripts.snapshot import SNAPSHOTS

TARGETS = {
    "storage.submit": 95_000,
    "storage.submit_two_nodes": 108_000,
    "storage.batch_submit_per_file": 55_000,
    "storage.submit_deep": 145_000,
}


def committed(name):
    return json.loads((SNAPSHOTS / name).read_text())


@pytest.fixture(scope="module")
def gas():
    return measure()


@pytest.mark.anvil
def test_gas__measured_now__is_what_is_committed(gas):
    assert gas == committed("gas.json"), "if this change is meant, run `make gas` and commit snapshots/"


@pytest.mark.anvil
@pytest.mark.parametrize("name", TARGETS)
def test_gas__targets__are_met(gas, name):
    assert gas[name] <= TARGETS[name]


def test_sizes__compiled_now__are_what_is_committed_and_deployable():
    assert sizes() == committed("sizes.json"), "if this change is meant, run `make gas` and commit snapshots/"
    assert max(sizes().values()) <= CODE_LIMIT


def test_layouts__compiled_now__are_what_is_committed():
    for name, layout in layouts().items():
        assert layout == committed(f"layouts/{name}.json"), f"the storage of {name} moved"
