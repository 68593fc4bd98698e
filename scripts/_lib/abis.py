"""ABIs of the contracts as workers and tests need them: from the compiler, plus what Flow's fallback answers."""

import json
from pathlib import Path
from typing import Any

Abi = list[dict[str, Any]]

ROOT = Path(__file__).resolve().parents[2]
ABIS = ROOT / "offchain" / "chain" / "abis"


def contract_paths() -> list[Path]:
    """Every deployable Vyper contract: the files with capital names outside interfaces/."""
    return sorted(path for path in (ROOT / "contracts").glob("*/[A-Z]*.vy") if path.parent.name != "interfaces")


def compiled_abi(path: Path) -> Abi:
    """What the compiler says of the contract at `path`."""
    import boa
    from vyper.compiler.output import build_abi_output

    abi: Abi = build_abi_output(boa.load_partial(str(path)).compiler_data)
    return abi


def with_fallback(flow: Abi) -> Abi:
    """`flow` with the batch that its fallback answers."""
    return [*flow, _batch(_function(flow, "submit"))]


def old_flow(flow: Abi) -> Abi:
    """The pair of entry points from before January 2026: submissions without a submitter, and their event."""
    submit = _function(flow, "submit")
    old = {**submit, "inputs": [submit["inputs"][0]["components"][0]]}
    event = next(entry for entry in flow if entry["type"] == "event" and entry["name"] == "Submit")
    return [old, _batch(old), event]


def export() -> dict[str, Abi]:
    """File name and content of every ABI that the workers ship."""
    abis = {path.stem: compiled_abi(path) for path in contract_paths()}
    abis["OldFlow"] = old_flow(abis["Flow"])
    abis["Flow"] = with_fallback(abis["Flow"])
    return abis


def render(abi: Abi) -> str:
    """One entry a line, so that a change reads as one."""
    return "[\n" + ",\n".join(json.dumps(entry, sort_keys=True) for entry in abi) + "\n]\n"


def _function(abi: Abi, name: str) -> dict[str, Any]:
    return next(entry for entry in abi if entry["type"] == "function" and entry["name"] == name)


def _batch(single: dict[str, Any]) -> dict[str, Any]:
    """The batch of a function of one tuple: arrays in, arrays out."""
    array = {"name": "submissions", "type": "tuple[]", "components": single["inputs"][0]["components"]}
    outputs = [{"name": "", "type": f"{output['type']}[]"} for output in single["outputs"]]
    return {**single, "name": "batchSubmit", "inputs": [array], "outputs": outputs}
