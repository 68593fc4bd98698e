from pathlib import Path
from typing import ClassVar, Literal

import click
import pytest
from click.testing import CliRunner
from pydantic import Field, SecretStr, ValidationError, model_validator

from offchain.errors import BadSettings
from offchain.runtime.settings import Settings, read_settings, with_settings
from offchain.runtime.units import Duration, Size, TextList

SECRET = "hunter2hunter2"


class Probe(Settings):
    worker: ClassVar[str] = "probe"

    rpc: str = Field(description="address of the RPC, as URL")
    cache: Size = Field(1 << 20, ge=1024, description="memory for segments, in bytes")
    pause: Duration = Field(5.0, description="time between polls, in seconds")
    peers: TextList = Field((), description="addresses of peers, as URLs")
    style: Literal["plain", "fancy"] = Field("plain", description="how to print")
    data: Path | None = Field(None, description="directory for data")
    dry_run: bool = Field(False, description="change nothing")
    token: SecretStr | None = Field(None, description="password of the API")

    @model_validator(mode="after")
    def check(self):
        if self.dry_run and self.data:
            raise ValueError("dry_run and data exclude each other: leave one out")
        return self


def read(flags=None, environment=None, file=None):
    return read_settings(Probe, flags, environment or {}, file)


@pytest.fixture
def toml(tmp_path):
    def write(text):
        file = tmp_path / "probe.toml"
        file.write_text(text)
        return file

    return write


def test_read_settings__only_what_is_required__fills_in_defaults():
    settings = read({"rpc": "http://x"})
    assert (settings.cache, settings.pause, settings.peers, settings.token) == (1 << 20, 5.0, (), None)


def test_read_settings__all_sources__flags_win_then_environment_then_file(toml):
    file = toml('rpc = "file"\ncache = "2MiB"\npause = "3s"')
    environment = {"ZG_PROBE_RPC": "environment", "ZG_PROBE_CACHE": "3MiB"}
    settings = read({"rpc": "flag"}, environment, file)
    assert (settings.rpc, settings.cache, settings.pause) == ("flag", 3 << 20, 3.0)


def test_read_settings__empty_variable__counts_as_unset():
    assert read({"rpc": "x"}, {"ZG_PROBE_CACHE": ""}).cache == 1 << 20


def test_read_settings__file_named_in_the_environment__is_read(toml):
    assert read(environment={"ZG_PROBE_CONFIG": str(toml('rpc = "file"'))}).rpc == "file"


def test_read_settings__lists__come_from_commas_or_toml_arrays(toml):
    assert read({"rpc": "x", "peers": "a, b"}).peers == ("a", "b")
    assert read({"rpc": "x"}, file=toml('peers = ["a", "b"]')).peers == ("a", "b")


def test_read_settings__dashes_in_the_file__are_accepted(toml):
    assert read({"rpc": "x"}, file=toml("dry-run = true")).dry_run


def test_read_settings__missing__says_how_to_set_it():
    with pytest.raises(BadSettings) as refusal:
        read()
    assert str(refusal.value) == (
        "the settings of probe cannot be used:\n"
        "  - rpc is missing (address of the RPC, as URL): "
        "set --rpc, ZG_PROBE_RPC, or rpc in the file given with --config"
    )


def test_read_settings__many_mistakes__are_told_together(toml):
    file = toml('rcp = "x"\nstyle = "baroque"\nnonsense = 1')
    with pytest.raises(BadSettings) as refusal:
        read({"cache": "5 apples"}, {"ZG_PROBE_PAUSE": "soon"}, file)
    text = str(refusal.value)
    assert f"rcp in {file} is no setting: did you mean rpc?" in text
    assert f"nonsense in {file} is no setting: the settings are rpc, cache," in text
    assert "cache, from --cache: should be a size such as 3B, 3KiB, 3MiB, 3GiB, not '5 apples'" in text
    assert "pause, from ZG_PROBE_PAUSE: should be a duration such as" in text
    assert f"style, from style in {file}: input should be 'plain' or 'fancy', not 'baroque' (how to print)" in text
    assert "rpc is missing" in text


def test_read_settings__bound_violated__names_it():
    with pytest.raises(BadSettings, match="cache, from --cache: input should be greater than or equal to 1024"):
        read({"rpc": "x", "cache": "1kB"})


def test_read_settings__fields_that_exclude_each_other__are_told():
    with pytest.raises(BadSettings, match="- dry_run and data exclude each other: leave one out"):
        read({"rpc": "x", "dry_run": True, "data": "/tmp"})


@pytest.mark.parametrize(("content", "complaint"), [("rpc = ", "is not TOML"), (None, "cannot be read: No such file")])
def test_read_settings__unusable_file__is_told(toml, tmp_path, content, complaint):
    file = tmp_path / "none.toml" if content is None else toml(content)
    with pytest.raises(BadSettings, match=complaint):
        read({"rpc": "x"}, file=file)


def test_secret__from_the_environment__is_never_shown():
    settings = read({"rpc": "x"}, {"ZG_PROBE_TOKEN": SECRET})
    assert settings.token.get_secret_value() == SECRET
    assert SECRET not in f"{settings!r} {settings} {settings.shown()} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://rpc.example/v2/short-key", "https://rpc.example"),
        ("https://rpc.example:8545?key=1", "https://rpc.example:8545"),
        ("https://me:word@rpc.example/0xkey", "https://rpc.example"),
        ("wss://rpc.example/key#x", "wss://rpc.example"),
        ("http://[::1]:8545/", "http://[::1]:8545"),
        ("http://[broken/key", "http://[broken"),
        ("127.0.0.1:8545", "127.0.0.1:8545"),
        ("a word", "a word"),
    ],
)
def test_shown__address__says_where_it_leads_and_no_more(address, shown):
    """The key of an RPC's provider stands in the path, and whoever reads the log must not learn it."""
    told = read({"rpc": address, "peers": f"one,{address}"}).shown()
    assert (told["rpc"], told["peers"]) == (shown, ["one", shown])


def test_secret__from_a_file__is_stripped(tmp_path):
    (tmp_path / "token").write_text(SECRET + "\n")
    assert read({"rpc": "x", "token_file": tmp_path / "token"}).token.get_secret_value() == SECRET


def test_secret__path_in_the_toml_file__is_accepted(tmp_path, toml):
    (tmp_path / "token").write_text(SECRET)
    assert read({"rpc": "x"}, file=toml(f'token_file = "{tmp_path}/token"')).token.get_secret_value() == SECRET


def test_secret__in_the_toml_file__is_refused_without_repeating_it(toml):
    with pytest.raises(BadSettings, match="write it into a file of its own and set token_file") as refusal:
        read({"rpc": "x"}, file=toml(f'token = "{SECRET}"'))
    assert SECRET not in str(refusal.value)


def test_secret__as_a_flag__is_not_read():
    assert read({"rpc": "x", "token": SECRET}).token is None


def test_secret__missing_file__is_told():
    with pytest.raises(BadSettings, match="/none, from ZG_PROBE_TOKEN_FILE, cannot be read: No such file"):
        read({"rpc": "x"}, {"ZG_PROBE_TOKEN_FILE": "/none"})


def test_settings__after_reading__refuse_changes():
    with pytest.raises(ValidationError):
        read({"rpc": "x"}).rpc = "y"


def test_settings__field_without_description__is_a_programming_error():
    with pytest.raises(TypeError, match="settings without description: port"):

        class Bare(Settings):
            port: int


def run(arguments, environment=None):
    seen = []

    @click.command()
    @with_settings(Probe)
    def command(settings):
        seen.append(settings)

    result = CliRunner().invoke(command, arguments, env=environment or {})
    return result, seen


def test_with_settings__flags__reach_the_command():
    result, (settings,) = run(["--rpc", "x", "--cache", "2MiB", "--dry-run", "--peers", "a,b"])
    assert result.exit_code == 0
    assert (settings.rpc, settings.cache, settings.dry_run, settings.peers) == ("x", 2 << 20, True, ("a", "b"))


def test_with_settings__config_file_and_environment__are_merged(toml):
    result, (settings,) = run(["--config", str(toml('rpc = "file"'))], {"ZG_PROBE_PAUSE": "1min"})
    assert (settings.rpc, settings.pause) == ("file", 60)


def test_with_settings__bad_settings__end_with_code_2_and_the_list():
    result, seen = run(["--style", "baroque"])
    assert (result.exit_code, seen) == (2, [])
    assert "style, from --style" in result.output
    assert "rpc is missing" in result.output


def test_with_settings__help__shows_unit_default_and_variable():
    text = " ".join(run(["--help"])[0].output.split())
    assert "--cache SIZE memory for segments, in bytes. [default: 1MiB; env: ZG_PROBE_CACHE]" in text
    assert "--rpc TEXT address of the RPC, as URL. [required; env: ZG_PROBE_RPC]" in text
    assert "--style plain|fancy" in text
    assert "--token-file PATH File with this secret: password of the API." in text
    assert "--token " not in text
