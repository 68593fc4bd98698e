"""`benchmarks/results.json`: `{"machine": {…}, "results": [{"id", "value", "unit", "rivals", "command"}]}`."""

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.registry import Benchmark, Measurement

PATH = Path(__file__).with_name("results.json")
HARDWARE = ("cpu", "cores", "features")


def record(benchmark: Benchmark, measurement: Measurement, machine: dict[str, Any], path: Path = PATH) -> None:
    """Put one result into the file, in place of an older one. Results of other hardware are dropped: none compares."""
    entry = {
        "id": benchmark.id,
        "value": _rounded(measurement.value),
        "unit": benchmark.unit,
        "rivals": {name: _rounded(value) for name, value in measurement.rivals.items()},
        "command": f"python -m benchmarks {benchmark.id}",
    }
    others = [result for result in _comparable(path, machine) if result["id"] != benchmark.id]
    content = {"machine": machine, "results": sorted([*others, entry], key=lambda result: str(result["id"]))}
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(new, path)


def _comparable(path: Path, machine: dict[str, Any]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    content = json.loads(path.read_text())
    same = all(content["machine"].get(key) == machine[key] for key in HARDWARE)
    return list(content["results"]) if same else []


def _rounded(value: float) -> float:
    """Four digits: more is noise, and would change with each run."""
    return float(f"{value:.4g}")
