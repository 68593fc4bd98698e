"""Keep builds honest: Ape compares each compiled file with itself and misses edits in imported modules; boa's disk
cache looks one import deep and misses edits below."""

import shutil
from hashlib import sha256
from pathlib import Path

SOURCES = {".vy", ".vyi", ".sol"}
SETTINGS = ("ape-config.yaml", "package-lock.json", "requirements/dev.txt")


def forget_stale_build(root: Path) -> bool:
    """Drop both builds when a source, a setting or a compiler changed since the last call; True when it did."""
    files = [root / name for name in SETTINGS]
    contracts = root / "contracts"
    sources = [path for path in contracts.rglob("*") if path.suffix in SOURCES]
    files += sorted(path for path in sources if path.relative_to(contracts).parts[0] != ".cache")  # it is Ape's
    digest = sha256()
    for path in files:
        digest.update(str(path.relative_to(root)).encode() + b"\0" + sha256(path.read_bytes()).digest())
    stamp = root / ".build" / "sources.sha256"
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return False
    (root / ".build" / "__local__.json").unlink(missing_ok=True)
    shutil.rmtree(boa_cache(root), ignore_errors=True)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(digest.hexdigest())
    return True


def boa_cache(root: Path) -> Path:
    """Where boa keeps compiled contracts: below the project, so that the guard can empty it."""
    return root / ".build" / "boa"
