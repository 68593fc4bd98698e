"""Files made from the sources: a stale one is noticed, making it anew is enough."""

import json
import subprocess

import pytest
from click.testing import CliRunner

from scripts import export_abis, lint, tables
from scripts._lib import house_rules
from scripts._lib import tables as library
from scripts._lib.abis import ABIS, export, render
from tests.doubles.plans import PLAN, written

PAGE = "# A page\n\nbefore\n\n<!-- table: parameters -->\n<!-- end -->\n\nafter\n"


@pytest.fixture(scope="module")
def exported():
    """What the compiler says now; it takes seconds."""
    return export()


@pytest.fixture
def abis(tmp_path, monkeypatch, exported):
    """Folder of exported ABIs, fresh."""
    for module in (export_abis, lint):
        monkeypatch.setattr(module, "ABIS", tmp_path / "abis")
        monkeypatch.setattr(module, "export", lambda: exported)
    assert CliRunner().invoke(export_abis.cli).exit_code == 0
    return tmp_path / "abis"


def stale_abis():
    told = CliRunner().invoke(export_abis.cli, ["--check"])
    assert told.exit_code == bool(told.output)
    return told.output


def test_export_abis__just_written__are_not_stale_and_those_of_the_repository(abis):
    assert stale_abis() == ""
    written_now, committed = (
        {path.name: path.read_text() for path in folder.glob("*.json")} for folder in (abis, ABIS)
    )
    assert written_now == committed, "run `make docs`"


def test_export_abis__one_edited_and_one_lost__are_named(abis):
    flow = json.loads((abis / "Flow.json").read_text())
    (abis / "Flow.json").write_text(render(flow[1:]))
    (abis / "OldFlow.json").unlink()
    assert stale_abis() == "Error: stale ABIs: Flow.json, OldFlow.json; run `make docs`\n"
    assert sorted(lint._stale_abis()) == ["Flow", "OldFlow"]
    assert not (abis / "OldFlow.json").exists()


def test_render__abi__is_one_entry_a_line():
    text = render([{"name": "a", "type": "event"}, {"name": "b", "type": "event"}])
    assert text.splitlines()[1:3] == ['{"name": "a", "type": "event"},', '{"name": "b", "type": "event"}']


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A tree with parameters and a page that shows them."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for module in (library, house_rules):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "deployments" / "params").mkdir(parents=True)
    written(tmp_path / "deployments" / "params", PLAN, "small.yaml")
    (tmp_path / "plain.md").write_text("no table here\n")
    (tmp_path / "page.md").write_text(PAGE)
    assert CliRunner().invoke(tables.cli).exit_code == 0
    return tmp_path


def test_tables__made__hold_the_sources_and_leave_the_rest(pages):
    page = (pages / "page.md").read_text()
    assert "| small | `price` | 7 | wei per sector | small numbers read well |" in page.splitlines()
    assert (page[: PAGE.index("-->")], page[-len("after\n") :]) == (PAGE[: PAGE.index("-->")], "after\n")
    assert library.stale_pages() == []


def test_tables__made_twice__are_the_same(pages):
    before = (pages / "page.md").read_bytes()
    assert CliRunner().invoke(tables.cli).exit_code == 0
    assert (pages / "page.md").read_bytes() == before


def test_tables__source_edited__are_stale_and_named(pages):
    path = pages / "deployments" / "params" / "small.yaml"
    path.write_text(path.read_text().replace("small numbers read well", "another reason"))
    assert library.stale_pages() == ["page.md"]


def test_tables__page_edited__is_stale(pages):
    page = pages / "page.md"
    page.write_text(page.read_text().replace("| 7 |", "| 8 |"))
    assert library.stale_pages() == ["page.md"]


def test_tables__cell_with_a_bar__stays_one_cell():
    assert library._table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"


def test_render__table_that_nobody_makes__fails():
    with pytest.raises(KeyError, match="colours"):
        library.render("<!-- table: colours -->\n<!-- end -->\n")
