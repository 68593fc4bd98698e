"""Each rule of `scripts.lint` catches what breaks it, and nothing else, in a tree of its own."""

import subprocess

import pytest
from click.testing import CliRunner

from scripts import lint
from scripts._lib import house_rules

HEADER = '''# pragma version 0.4.3
"""
@title Small
@notice Does little.
@dev Trusts nobody.
@custom:kill Nothing to stop.
"""
'''
REFUSING = HEADER + '\n@external\ndef stop():\n    raise "small: stopped"\n'
LATER = "TO" + "DO"
REGISTRY = "https://registry.npm" + "js.org"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Writes files of a tree that keeps all rules."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.setattr(house_rules, "ROOT", tmp_path)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("contracts/small/Small.vy", REFUSING)
    write("contracts/interfaces/ISmall.vyi", "")
    write("contracts/small/small_part.vy", "# pragma version 0.4.3\n")
    write("tests/test_small.py", 'EXPECTED = "small: stopped"\n')
    return write


def test_all_problems__a_tree_that_keeps_the_rules__has_none(tree):
    assert house_rules.all_problems() == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("scripts/long.py", "x = 1\n" * 351, "scripts/long.py: 351 lines, at most 350"),
        ("contracts/small/smallPart.vy", "", "contracts/small/smallPart.vy: neither PascalCase"),
        ("contracts/small/Small_Part.sol", "", "contracts/small/Small_Part.sol: neither PascalCase"),
        ("contracts/interfaces/Small2.vyi", "", "contracts/interfaces/Small2.vyi: neither PascalCase"),
        ("contracts/other/Small.vy", HEADER, "contracts/small/Small.vy: contracts/other/Small.vy has the same name"),
        (
            "contracts/small/Big.vy",
            HEADER + "x: uint256\n" * 251,
            "contracts/small/Big.vy: 251 code lines, at most 250",
        ),
        ("contracts/small/big.vy", "x: uint256\n" * 401, "contracts/small/big.vy: 401 code lines, at most 400"),
        (
            "contracts/small/Big.vy",
            HEADER + "@external\ndef long():\n" + "    pass\n" * 25 + "\n@external\ndef short():\n    pass\n",
            "contracts/small/Big.vy: long has 26 lines, at most 25",
        ),
        (
            "contracts/small/Big.vy",
            HEADER + "@external\ndef long(\n    a: uint256\n):\n" + "    pass\n" * 25,
            "contracts/small/Big.vy: long has 28 lines, at most 25",
        ),
        ("docs/a.md", f"fine\n{LATER}: more\n", f"docs/a.md:2: {LATER}: more"),
        ("docs/a.json", REGISTRY, "docs/a.json: names a package registry"),
    ],
    ids=lambda text: text[:40],
)
def test_all_problems__a_file_that_breaks_a_rule__is_named(tree, name, text, problem):
    tree(name, text)
    (told,) = house_rules.all_problems()
    assert told.startswith(problem)


@pytest.mark.parametrize("tag", ["@title", "@notice", "@dev", "@custom:kill"])
def test_headers__a_tag_left_out__is_named(tree, tag):
    tree("contracts/small/Small.vy", REFUSING.replace(tag, ""))
    assert house_rules.all_problems() == [f"contracts/small/Small.vy: its header has no {tag}"]


@pytest.mark.parametrize("statement", ['raise "{}"', 'assert x, "{}"', 'assert (\n        x\n    ), "{}"'])
@pytest.mark.parametrize("reason", ["stopped", "small: Stopped", "small: " + "x" * 26, "small:stopped"])
def test_reasons__of_another_form__are_named(tree, statement, reason):
    tree("contracts/small/part.vy", f"def f():\n    {statement.format(reason)}\n")
    tree("tests/test_part.py", f"EXPECTED = {reason!r}\n")
    assert house_rules.all_problems() == [f"contracts/small/part.vy: {reason!r} is not `module: cause` within 32 bytes"]


def test_reasons__in_two_files__are_named(tree):
    tree("contracts/small/part.vy", 'def f():\n    raise "small: stopped"\n')
    (problem,) = house_rules.all_problems()
    assert problem == "contracts/small/Small.vy: 'small: stopped' is also in contracts/small/part.vy"


def test_reasons__expected_by_no_test__are_named(tree):
    tree("tests/test_small.py", "")
    assert house_rules.all_problems() == ["contracts/small/Small.vy: no test expects 'small: stopped'"]


def test_names_of_contracts__too_many_files__are_counted(tree, monkeypatch):
    monkeypatch.setattr(house_rules, "CONTRACT_FILES", 3)
    assert house_rules.all_problems() == ["contracts: 3 files, fewer than 3"]


def test_tracked__what_git_ignores_or_has_lost__is_left_alone(tree, tmp_path):
    tree(".gitignore", "built/\n")
    tree("built/a.md", LATER)
    tree("docs/lost.md", LATER)
    subprocess.run(["git", "-C", tmp_path, "add", "-A"], check=True)
    (tmp_path / "docs/lost.md").unlink()
    assert house_rules.all_problems() == []


def test_lint__broken_rules__are_printed_and_counted(tree, monkeypatch):
    monkeypatch.setattr(lint, "export", dict)
    monkeypatch.setattr(lint, "stale_pages", list)
    assert CliRunner().invoke(lint.cli).output == "House rules kept.\n"
    tree("docs/a.md", f"{LATER}\n{LATER}\n")
    told = CliRunner().invoke(lint.cli)
    assert told.exit_code == 1
    assert told.output == f"docs/a.md:1: {LATER}\ndocs/a.md:2: {LATER}\nError: 2 broken rules\n"
