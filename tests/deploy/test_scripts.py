"""`deploy`, `status` and `snapshot`: what they say and how they end. `ape run` itself: test_devnet.py."""

import json

import click
import pytest
from click.testing import CliRunner

from scripts import deploy, snapshot, status
from scripts._lib import gas, layouts
from tests.doubles.plans import PLAN, written

COMMITTED = snapshot.SNAPSHOTS


class Scripts:
    """Scripts without their own connection: on the chain of these tests."""

    def __init__(self, provider, folder):
        self.provider = provider
        self.params = written(folder, PLAN)
        self.record = folder / "record.json"

    def deploy(self):
        deploy.cli.callback(provider=self.provider, account=None, params=self.params, record=self.record)

    def status(self):
        status.cli.callback(provider=self.provider, params=self.params, record=self.record)


@pytest.fixture
def scripts(anvil, tmp_path):
    return Scripts(anvil, tmp_path)


@pytest.mark.anvil
def test_status__nothing_deployed__names_the_missing_record(scripts):
    with pytest.raises(click.ClickException, match="record.json is missing: run `ape run deploy --network …` first$"):
        scripts.status()


@pytest.mark.anvil
def test_status__chain_differs__fails_and_says_where(scripts, capsys):
    scripts.deploy()
    capsys.readouterr()
    address = json.loads(scripts.record.read_text())["contracts"]["ChunkReward"]["address"]
    scripts.provider.make_request("anvil_setCode", [address, "0x00"])
    with pytest.raises(click.ClickException, match="^the chain and the record differ$"):
        scripts.status()
    assert f"ChunkReward {address}\n    other code than recorded\n" in capsys.readouterr().out


@pytest.mark.anvil
@pytest.mark.parametrize("script", ["deploy", "status"])
def test_scripts__parameters_missing__name_the_file(scripts, script):
    scripts.deploy()
    scripts.params.unlink()
    with pytest.raises(click.ClickException, match="plan.yaml is missing: "):
        getattr(scripts, script)()


@pytest.mark.anvil
@pytest.mark.parametrize("script", ["deploy", "status"])
def test_scripts__bad_parameters__are_told_without_a_traceback(scripts, script):
    scripts.deploy()
    scripts.params.write_text("chain_id: 31337\nsteps: []\n")
    with pytest.raises(click.ClickException, match="^plan.yaml: `accounts` is missing$"):
        getattr(scripts, script)()


@pytest.fixture
def snapshots(tmp_path, monkeypatch):
    """Folder of snapshots, fresh; nothing is measured: another test measures the committed figures."""
    committed = {path.stem: json.loads(path.read_text()) for path in snapshot.SNAPSHOTS.rglob("*.json")}
    measured = {name: committed.pop(name) for name in ("gas", "sizes")}
    monkeypatch.setattr(gas, "measure", lambda: measured["gas"])
    monkeypatch.setattr(layouts, "sizes", lambda: measured["sizes"])
    monkeypatch.setattr(layouts, "layouts", lambda: committed)
    monkeypatch.setattr(snapshot, "SNAPSHOTS", tmp_path)
    assert CliRunner().invoke(snapshot.cli).exit_code == 0
    return tmp_path


def checked():
    return CliRunner().invoke(snapshot.cli, ["--check"])


def test_snapshot__written_and_checked__are_those_of_the_repository(snapshots):
    assert checked().exit_code == 0
    names = sorted(path.relative_to(snapshots) for path in snapshots.rglob("*.json"))
    assert names == sorted(path.relative_to(COMMITTED) for path in COMMITTED.rglob("*.json"))
    for name in names:
        assert (snapshots / name).read_text() == (COMMITTED / name).read_text()


@pytest.mark.parametrize(
    ("name", "key"), [("gas.json", "storage.submit"), ("sizes.json", "Flow"), ("layouts/Flow.json", "storage_layout")]
)
def test_snapshot__a_figure_differs__fails_the_check_and_names_it(snapshots, name, key):
    known = json.loads((snapshots / name).read_text())
    changed = json.dumps(known | {key: 1})
    (snapshots / name).write_text(changed)
    told = checked()
    assert told.exit_code == 1
    assert f"{name} {key}: 1 -> {known[key]}" in told.output.splitlines()
    assert (snapshots / name).read_text() == changed


def test_snapshot__contract_that_is_new_or_gone__fails_the_check_and_is_named(snapshots):
    known = json.loads((snapshots / "sizes.json").read_text())
    size = known.pop("Flow")
    (snapshots / "sizes.json").write_text(json.dumps(known | {"Gone": 7}))
    told = checked()
    assert told.exit_code == 1
    assert {f"sizes.json Flow: None -> {size}", "sizes.json Gone: 7 -> None"} <= set(told.output.splitlines())


def test_snapshot__code_above_the_limit__is_refused_and_nothing_written(snapshots, monkeypatch):
    monkeypatch.setattr(layouts, "sizes", lambda: {"Flow": layouts.CODE_LIMIT + 1})
    before = (snapshots / "sizes.json").read_bytes()
    told = CliRunner().invoke(snapshot.cli)
    assert told.exit_code == 1
    assert "above the code limit of 24576 bytes: Flow" in told.output
    assert (snapshots / "sizes.json").read_bytes() == before
