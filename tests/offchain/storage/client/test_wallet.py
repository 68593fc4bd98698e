import pytest

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.errors import BadSettings, WrongChain
from offchain.storage.client import wallet as wallet_module
from offchain.storage.client.intents import Wanted
from offchain.storage.client.node import NodeStatus
from offchain.storage.client.wallet import Wallet, default_state
from offchain.store.lock import DirectoryLock
from tests.doubles.clock import FakeClock
from tests.doubles.flow_chain import FLOW, FlowChain
from tests.doubles.flow_log import made_up
from tests.doubles.rpc import CHAIN_ID, URL

PAYER = Account.from_private_key("0x" + "a1" * 32)
STATUS = NodeStatus(CHAIN_ID, FLOW.lower(), 1, 0, 0)
OTHER = "0x" + "99" * 20


@pytest.fixture
def chain():
    return FlowChain()


@pytest.fixture
def make(chain, tmp_path):
    """Makes wallets of the payer on one chain."""
    clock = FakeClock()
    clock.on_sleep = chain.mine

    def wallet(flow=None, account=PAYER, state=tmp_path / "state", **options):
        client = ChainClient(URL, post=chain.post, clock=clock, jitter=lambda: 0.0)
        return Wallet(client, account, state, flow, **options)

    return wallet


def folders(tmp_path):
    return sorted(str(path.relative_to(tmp_path / "state")) for path in (tmp_path / "state").glob("*/*"))


def test_open__flow_that_the_nodes_follow__is_the_one_that_is_asked(make):
    with make().open(STATUS) as payments:
        assert payments.quote([]).price_per_sector == 1000


@pytest.mark.parametrize("flow", [FLOW, FLOW.lower()])
def test_open__pinned_flow__is_taken_in_any_spelling(make, flow):
    with make(flow).open(STATUS):
        pass


def test_open__nodes_of_another_flow_than_the_pinned_one__are_refused(make):
    with pytest.raises(WrongChain, match=f"^the storage nodes follow the flow {FLOW.lower()}, not {OTHER}$"):
        make(OTHER).open(STATUS).__enter__()


def test_open__nodes_of_another_chain_than_the_rpc__are_refused(make):
    status = NodeStatus(5, FLOW, 1, 0, 0)
    with pytest.raises(WrongChain, match=f"^the RPC is for chain {CHAIN_ID}, the storage nodes follow chain 5$"):
        make().open(status).__enter__()


def test_open__journals__lie_apart_by_chain_and_account(make, chain, tmp_path):
    with make().open(STATUS):
        pass
    other = Account.from_private_key("0x" + "b2" * 32)
    with make(account=other).open(STATUS):
        pass
    genesis = chain.blocks[0].hash.hex()[:16]
    assert folders(tmp_path) == sorted(f"{CHAIN_ID}-{genesis}/{each.address.lower()}" for each in (PAYER, other))


@pytest.mark.parametrize("was_there", [False, True])
def test_open__journal__is_for_its_owner_only(make, tmp_path, was_there):
    """Releases before this one left folders that all could read."""
    with make().open(STATUS):
        pass
    (folder,) = (tmp_path / "state").glob("*/*")
    if was_there:
        folder.chmod(0o755)
        with make().open(STATUS):
            pass
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.name for path in folder.iterdir() if path.stat().st_mode & 0o077} <= {"lock"}


def test_open__again__knows_what_was_decided(make):
    wanted = Wanted(made_up(300).data_root, made_up(300))
    with make().open(STATUS) as payments:
        key = payments._intents.decide([wanted])
    with make().open(STATUS) as payments:
        assert payments._intents.key_of(wanted) == key


def test_open__another_process_pays__waits_for_it_and_says_so(make, tmp_path, monkeypatch):
    said, slept = [], []
    with make().open(STATUS):
        pass
    (folder,) = (tmp_path / "state").glob("*/*")
    lock = DirectoryLock(folder)
    lock.__enter__()

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            lock.__exit__(None, None, None)

    monkeypatch.setattr(wallet_module.time, "sleep", sleep)
    with make(say=said.append).open(STATUS):
        pass
    assert len(slept) == 3
    assert len(said) == 1
    assert said[0].startswith("waiting: ")


def test_open__another_process_pays_for_too_long__gives_up(make, tmp_path, monkeypatch):
    with make().open(STATUS):
        pass
    (folder,) = (tmp_path / "state").glob("*/*")
    monkeypatch.setattr(wallet_module, "WAIT_SECONDS", -1.0)
    with DirectoryLock(folder), pytest.raises(BadSettings):
        make().open(STATUS).__enter__()


def test_open__place_that_cannot_be_written__says_so_at_once(make, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadSettings, match="^the journal of payments cannot be kept in .*: Not a directory$"):
        make(state=tmp_path / "file").open(STATUS).__enter__()


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"ZG_STATE_DIR": "/chosen", "XDG_STATE_HOME": "/xdg"}, "/chosen"),
        ({"XDG_STATE_HOME": "/xdg"}, "/xdg/zg"),
        ({"HOME": "/home/user"}, "/home/user/.local/state/zg"),
    ],
)
def test_default_state__environment__decides(monkeypatch, environment, place):
    for name in ("ZG_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(default_state()) == place
