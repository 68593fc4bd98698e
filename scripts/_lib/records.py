"""What a deployment left behind: `deployments/records/<network>.json`, written after every step."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Record:
    """Contracts by name, arguments of calls by name of the step. `intent` is a deployment that was about to be sent:
    after a crash its address tells whether it arrived."""

    chain_id: int
    genesis: str
    contracts: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    intent: dict[str, Any] | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """Address of every contract by name."""
        return {name: contract["address"] for name, contract in self.contracts.items()}


def load(path: Path) -> Record | None:
    """The record at `path`, None when there is none."""
    return Record(**json.loads(path.read_text())) if path.is_file() else None


def save(path: Path, record: Record) -> None:
    """Replace the record at `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".json.new")
    draft.write_text(json.dumps(asdict(record), indent=2, sort_keys=True) + "\n")
    draft.replace(path)
