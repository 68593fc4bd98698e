"""Runtime size and storage layout of every contract, from the compiler."""

from __future__ import annotations

from typing import Any

import boa
from vyper.compiler.output import build_layout_output

from scripts._lib.abis import contract_paths

CODE_LIMIT = 24_576  # EIP-170


def sizes() -> dict[str, int]:
    """Bytes of runtime code by contract, without immutables."""
    return {path.stem: len(boa.load_partial(str(path)).compiler_data.bytecode_runtime) for path in contract_paths()}


def layouts() -> dict[str, Any]:
    """Storage layout by contract."""
    return {path.stem: build_layout_output(boa.load_partial(str(path)).compiler_data) for path in contract_paths()}
