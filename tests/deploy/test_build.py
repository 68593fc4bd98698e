"""A build is of the sources as they are now: the guard drops those of other sources, settings and compilers."""

import ape
import boa
import pytest
from boa.interpret import set_cache_dir

from scripts._lib.build import SETTINGS, boa_cache, forget_stale_build

CONTRACT = """
# pragma version 0.4.3
from contracts.small import numbers

@view
@external
def answer() -> uint256:
    return numbers._answer()
"""
MODULE = """
# pragma version 0.4.3
from contracts.small import deeper

@pure
@internal
def _answer() -> uint256:
    return deeper._answer()
"""
DEEPER = """
# pragma version 0.4.3
@pure
@internal
def _answer() -> uint256:
    return {}
"""
CONFIG = r"""
compile:
  exclude:
    - r"(^|.*/)[a-z0-9_]+\.vy$"
"""


class Tree:
    """A project whose contract imports a module that imports another."""

    def __init__(self, root):
        self.root = root
        self.build = root / ".build" / "__local__.json"
        for name in SETTINGS:
            self.write(name, "")
        self.write("ape-config.yaml", CONFIG)
        self.write("contracts/small/Answer.vy", CONTRACT)
        self.write("contracts/small/numbers.vy", MODULE)
        self.answer(1)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def answer(self, number):
        self.write("contracts/small/deeper.vy", DEEPER.format(number))

    def ape_code(self):
        return ape.Project(self.root).contracts["Answer"].contract_type.runtime_bytecode.bytecode

    def boa_code(self):
        return boa.load_partial(str(self.root / "contracts/small/Answer.vy")).compiler_data.bytecode_runtime


@pytest.fixture
def tree(tmp_path, monkeypatch, pytestconfig):
    monkeypatch.chdir(tmp_path)  # where imports of contracts begin
    set_cache_dir(boa_cache(tmp_path))
    yield Tree(tmp_path)
    set_cache_dir(boa_cache(pytestconfig.rootpath))


@pytest.mark.parametrize("compiler", ["ape", "boa"])
def test_guard__module_two_imports_away_edited__makes_the_compiler_look_again(tree, compiler):
    code = getattr(tree, f"{compiler}_code")
    forget_stale_build(tree.root)
    first = code()
    tree.answer(2)
    assert code() == first, "the compiler notices by itself: this guard can go"
    assert forget_stale_build(tree.root)
    assert code() != first


def test_guard__nothing_changed__keeps_the_builds(tree):
    forget_stale_build(tree.root)
    kept = [tree.build, boa_cache(tree.root) / "code"]
    for path in kept:
        tree.write(path, "compiled")
    assert not forget_stale_build(tree.root)
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize(
    "name", [*SETTINGS, "contracts/small/Answer.vy", "contracts/new/INew.vyi", "contracts/New.sol"]
)
def test_guard__source_setting_or_compiler_changed__drops_both_builds(tree, name):
    tree.write("contracts/New.sol", "")
    forget_stale_build(tree.root)
    dropped = [tree.build, boa_cache(tree.root) / "code"]
    for path in dropped:
        tree.write(path, "compiled")
    tree.write(name, "# changed")
    assert forget_stale_build(tree.root)
    assert not any(path.exists() for path in dropped)


def test_guard__source_renamed__drops_both_builds(tree):
    forget_stale_build(tree.root)
    tree.write(tree.build, "compiled")
    (tree.root / "contracts/small/Answer.vy").rename(tree.root / "contracts/small/Reply.vy")
    assert forget_stale_build(tree.root)
    assert not tree.build.exists()


def test_guard__ape_s_own_cache_of_imports__is_no_source(tree):
    forget_stale_build(tree.root)
    tree.write("contracts/.cache/package/Imported.vy", "")
    assert not forget_stale_build(tree.root)
