"""kill -9 of downloads, at random and at chosen moments: no file is left half, and the same command completes it."""

import pytest

from tests.doubles.polling import eventually
from tests.doubles.proxy import Stall
from tests.doubles.samples import file_in

pytestmark = [pytest.mark.anvil, pytest.mark.timeout(1800)]

SEGMENT = 262_144


def test_download__killed_in_the_middle__leaves_no_file_and_goes_on_where_it_was(paying, tmp_path):
    cluster, zg = paying
    sample, path = file_in(tmp_path, "large", size=40 * SEGMENT)
    root = zg.run("upload", path, "--yes")["root"]
    copy, relay = tmp_path / "copy", zg.guillotine.relays[1]

    def before(request):
        if "first=32" in request.path:
            raise Stall

    relay.before = before
    worker = zg.start("download", root, copy)
    state = tmp_path / "copy.zg-state"
    eventually(lambda: state.exists() and state.read_bytes()[40:].count(1) == 32, "all but the last run is there")
    worker.kill()
    assert not copy.exists()
    relay.honest()
    relay.requests.clear()
    assert zg.run("download", root, copy)["problems"] == []
    assert copy.read_bytes() == sample.data
    assert [request.path.partition("?")[2] for request in relay.requests if "/segments?" in request.path][-1:] == [
        "first=32&count=8"
    ]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["copy", "large.bin"]


@pytest.mark.parametrize("at", [0, 3, 5, 7])
def test_download__killed_at_an_exchange__the_same_command_completes_it(paying, tmp_path, at):
    cluster, zg = paying
    sample, path = file_in(tmp_path, f"download {at}")
    root = zg.run("upload", path, "--yes")["root"]
    zg.run_and_die(at, True, "download", root, tmp_path / "copy")
    assert zg.run("download", root, tmp_path / "copy")["problems"] == []
    assert (tmp_path / "copy").read_bytes() == sample.data
