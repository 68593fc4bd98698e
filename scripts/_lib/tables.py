"""Tables in docs/ that are made from the sources. A page says where: a comment `<!-- table: name -->`, the table, and
`<!-- end -->`."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from scripts._lib.house_rules import reasons_by_place, tracked

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"<!-- table: ([a-z-]+)((?: [^\s>]+)*?) -->\n[\s\S]*?<!-- end -->")
PROPERTY = re.compile(r"^([A-Z]+-\d\d)  (.+(?:\n {8}.+)*)", re.MULTILINE)


def render(page: str) -> str:
    """`page` with its tables made anew."""

    def table(match: re.Match[str]) -> str:
        name, arguments = match[1], match[2].split()
        return f"<!-- table: {name}{match[2]} -->\n{TABLES[name](*arguments)}\n<!-- end -->"

    return MARK.sub(table, page)


def pages() -> list[Path]:
    """Pages that hold tables."""
    return [path for path in tracked("*.md") if MARK.search(path.read_text())]


def stale_pages() -> list[str]:
    """Pages whose tables differ from the sources."""
    return [str(path.relative_to(ROOT)) for path in pages() if render(path.read_text()) != path.read_text()]


def parameters() -> str:
    """What each network is deployed with, and why."""
    rows = []
    for path in sorted((ROOT / "deployments" / "params").glob("*.yaml")):
        for name, each in yaml.safe_load(path.read_text()).get("parameters", {}).items():
            rows.append((path.stem, f"`{name}`", f"{each['value']}", each["unit"], each["reason"]))
    return _table(("network", "parameter", "value", "unit", "reason"), rows)


def reasons(prefix: str = "") -> str:
    """Revert reasons and where they are given."""
    rows = [
        (f"`{reason}`", ", ".join(f"`{place}`" for place in sorted(set(places))))
        for reason, places in reasons_by_place().items()
        if reason.startswith(prefix)
    ]
    return _table(("reason", "given by"), rows)


def settings(place: str) -> str:
    """Settings of a worker: `module:Class`."""
    from pydantic import SecretStr

    from offchain.runtime.settings import is_secret, variable
    from offchain.runtime.units import shown

    module, name = place.split(":")
    model = getattr(importlib.import_module(module), name)
    rows = []
    for field_name, field in model.model_fields.items():
        form = shown(field.annotation, field.metadata)
        default = "" if field.is_required() or field.default in (None, ()) else form.write(field.default)
        secret = is_secret(field) or field.annotation is SecretStr
        flag = f"`--{field_name.replace('_', '-')}{'-file' if secret else ''}`"
        rows.append(
            (
                flag,
                f"`{variable(model, field_name)}`",
                "required" if field.is_required() else default,
                field.description,
            )
        )
    return _table(("flag", "environment", "default", "meaning"), rows)


def gas() -> str:
    """Gas as measured by `make gas`."""
    measured = json.loads((ROOT / "snapshots" / "gas.json").read_text())
    return _table(("id", "gas"), [(f"`{name}`", f"{value:,}") for name, value in measured.items()])


def sizes() -> str:
    """Runtime code of every contract."""
    measured = json.loads((ROOT / "snapshots" / "sizes.json").read_text())
    return _table(
        ("contract", "bytes of runtime code"), [(f"`{name}`", f"{size:,}") for name, size in measured.items()]
    )


def properties() -> str:
    """Numbered invariants, the machine that checks each, the mutants that must die."""
    from tests.mutants.catalogue import MUTANTS

    rows = []
    for path in tracked("tests/properties/*.py"):
        for number, text in PROPERTY.findall(path.read_text()):
            mutants = [each.name.partition(" ")[2] for each in MUTANTS if each.name.startswith(number)]
            sentence = " ".join(text.split())
            rows.append((number, sentence, f"`{path.relative_to(ROOT)}`", "; ".join(mutants)))
    return _table(("property", "what holds", "checked by", "mutants that die"), sorted(rows))


def methods(place: str, vectors: str = "") -> str:
    """JSON-RPC methods of `module:Class`, with the shapes of results from a file of tests/vectors."""
    module, name = place.split(":")
    api = getattr(importlib.import_module(module), name)
    shapes = _result_shapes(vectors) if vectors else {}
    rows = []
    for method, function in _method_names(api):
        takes = ", ".join(str(each).split(":")[0] + _default(each) for each in _parameters(function))
        sentence = (inspect.getdoc(function) or "").partition("\n")[0]
        shown = (f"`{method}`", f"`{takes}`" if takes else "", sentence)
        rows.append((*shown, " or ".join(f"`{shape}`" for shape in shapes.get(method, ()))) if vectors else shown)
    return _table(("method", "parameters", "meaning", "result")[: 4 if vectors else 3], rows)


def _method_names(api: Any) -> list[tuple[str, Callable[..., Any]]]:
    """Public names and the functions behind them, from an instance without parts."""
    found = vars(api)["methods"].fget(object.__new__(api))
    return [(method, bound.__func__) for method, bound in found.items()]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())[1:]


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is parameter.empty else f" = {json.dumps(parameter.default)}"


def _result_shapes(vectors: str) -> dict[str, list[str]]:
    shapes: dict[str, list[str]] = {}
    for case in json.loads((ROOT / "tests" / "vectors" / f"{vectors}.json").read_text())["methods"]:
        shape = json.dumps(case["result"]).replace('"', "").replace("|", " or ")
        seen = shapes.setdefault(case["method"], [])
        if shape not in seen:
            seen.append(shape)
    return shapes


TABLES: dict[str, Callable[..., str]] = {
    "parameters": parameters,
    "reasons": reasons,
    "settings": settings,
    "gas": gas,
    "sizes": sizes,
    "properties": properties,
    "methods": methods,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
