"""What tests of the key-value server share."""

import pytest

from tests.doubles.kv_parts import KvParts


@pytest.fixture
def make_parts(tmp_path):
    """Makes servers, each in a folder of its own or again in the same; closes them in the end."""
    made = []

    def make(name="kv", **options):
        made.append(KvParts(tmp_path / name, **options))
        return made[-1]

    yield make
    for parts in made:
        parts.close()


@pytest.fixture
def parts(make_parts):
    """A server that holds all streams."""
    return make_parts()
