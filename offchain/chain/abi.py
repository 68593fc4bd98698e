"""ABIs that ship with the workers; written from the compiled contracts by `make docs`, compared in tests."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(name: str) -> tuple[dict[str, Any], ...]:
    """The ABI of the contract called `name`."""
    return tuple(json.loads((files("offchain.chain") / "abis" / f"{name}.json").read_text()))
