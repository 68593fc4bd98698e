"""Rules of this repository that no common linter knows. Each returns what breaks it, as "place: problem"."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"

PYTHON_LINES = 350
DEPLOYABLE_LINES = 250
MODULE_LINES = 400
ENTRY_POINT_LINES = 25
CONTRACT_FILES = 500  # Ape lists no more and then finds nothing to compile
REASON_BYTES = 32

REASON = re.compile(r'assert .*?, "([^"]+)"|raise "([^"]+)"', re.DOTALL)
REASON_FORM = re.compile(r"[a-z]+: [a-z0-9' ]+")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
REGISTRY = re.compile(r"https?://[a-z.]*(py" + r"pi|python" + r"hosted|npm" + r"js|debian)[a-z.]*")


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows, or would, below the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in told.stdout.splitlines() if (path := ROOT / name).is_file()]


def all_problems() -> list[str]:
    """What breaks any rule."""
    rules = (long_python, names_of_contracts, vyper_sizes, headers, reasons, unfinished, registries)
    return [problem for rule in rules for problem in rule()]


def long_python() -> Iterator[str]:
    """A Python file has one noun; above 350 lines it has two."""
    for path in tracked("*.py"):
        lines = len(path.read_text().splitlines())
        if lines > PYTHON_LINES:
            yield f"{_place(path)}: {lines} lines, at most {PYTHON_LINES}"


def names_of_contracts() -> Iterator[str]:
    """PascalCase is deployable, snake_case a module, IName an interface; names are unique, and not too many."""
    files = tracked("contracts")
    if len(files) >= CONTRACT_FILES:
        yield f"contracts: {len(files)} files, fewer than {CONTRACT_FILES}"
    stems: dict[str, Path] = {}
    for path in files:
        interface = path.parent.name == "interfaces"
        form = r"I[A-Z][A-Za-z0-9]*" if interface else r"[A-Z][A-Za-z0-9]*|[a-z][a-z0-9_]*"
        if path.suffix in (".vy", ".vyi", ".sol") and not re.fullmatch(form, path.stem):
            yield f"{_place(path)}: neither PascalCase, snake_case nor, in interfaces/, IName"
        if path.stem in stems:
            yield f"{_place(path)}: {_place(stems[path.stem])} has the same name"
        stems[path.stem] = path


def vyper_sizes() -> Iterator[str]:
    """Deployables read as wiring, modules stay small, entry points fit on a screen."""
    for path in tracked("contracts/*.vy"):
        deployable = path.stem[0].isupper()
        code, limit = _code_lines(path.read_text()), DEPLOYABLE_LINES if deployable else MODULE_LINES
        if len(code) > limit:
            yield f"{_place(path)}: {len(code)} code lines, at most {limit}"
        for name, lines in _functions(path.read_text()):
            if deployable and lines > ENTRY_POINT_LINES:
                yield f"{_place(path)}: {name} has {lines} lines, at most {ENTRY_POINT_LINES}"


def headers() -> Iterator[str]:
    """A deployable says its duty, whom it trusts, and how it is stopped."""
    for path in tracked("contracts/*/[A-Z]*.vy"):
        for tag in ("@title", "@notice", "@dev", "@custom:kill"):
            if tag not in path.read_text().partition('"""')[2].partition('"""')[0]:
                yield f"{_place(path)}: its header has no {tag}"


def reasons_by_place() -> dict[str, list[str]]:
    """Every revert reason of our contracts, with the files that give it."""
    found: dict[str, list[str]] = {}
    for path in tracked("contracts/*.vy"):
        for match in REASON.finditer(path.read_text()):
            found.setdefault(match[1] or match[2], []).append(_place(path))
    return dict(sorted(found.items()))


def reasons() -> Iterator[str]:
    """A reason is `module: cause`, short, given in one file, and some test expects it."""
    tests = "\n".join(path.read_text() for path in tracked("tests/*.py"))
    for reason, places in reasons_by_place().items():
        if not REASON_FORM.fullmatch(reason) or len(reason) > REASON_BYTES:
            yield f"{places[0]}: {reason!r} is not `module: cause` within {REASON_BYTES} bytes"
        if len(set(places)) > 1:
            yield f"{places[0]}: {reason!r} is also in {places[-1]}"
        if reason not in tests:
            yield f"{places[0]}: no test expects {reason!r}"


def unfinished() -> Iterator[str]:
    """Nothing is left for later without an issue."""
    for path in tracked("*.py", "*.vy", "*.vyi", "*.sol", "*.md", "*.yaml", "Makefile"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{_place(path)}:{number}: {line.strip()[:80]}"


def registries() -> Iterator[str]:
    """No address of a package registry: it would bind everybody to it."""
    for path in tracked():
        if path.suffix not in (".png", ".bin") and REGISTRY.search(path.read_text(errors="replace")):
            yield f"{_place(path)}: names a package registry"


def _place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _code_lines(text: str) -> list[str]:
    without_prose = re.sub(r'"""[\s\S]*?"""', "", text)
    return [line for line in without_prose.splitlines() if line.strip() and not line.strip().startswith("#")]


def _functions(text: str) -> Iterator[tuple[str, int]]:
    """Name and code lines of each function."""
    name, lines = "", 0
    for line in _code_lines(text):
        if found := re.match(r"def (\w+)", line):
            name, lines = found[1], 0
        elif name and not line[0].isspace() and not line.startswith(")"):
            yield name, lines
            name = ""
        if name:
            lines += 1
    if name:
        yield name, lines
