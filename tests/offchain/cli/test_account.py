"""`zg account`: an account that cannot go on says so, shows what waits, and lets it be taken back."""

import json
import threading

import pytest

import offchain.chain.client as chain_client
from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.types import PreparedCall
from offchain.storage.client.wallet import Wallet
from tests.doubles.anvil import KEYS, Anvil
from tests.doubles.polling import eventually
from tests.doubles.sending_worker import target
from tests.doubles.zg import KEY, PAYER, RPC, zg

SENDER = Account.from_private_key(KEYS[1])


@pytest.fixture
def chain():
    with Anvil("--no-mining") as made:
        yield made


class Desk:
    """Somebody at the command line whose account is `SENDER`."""

    def __init__(self, folder, chain):
        self.chain = chain
        self.state = folder / "state"

    def account(self, *arguments, answer=None):
        environment = {"ZG_CLIENT_PRIVATE_KEY": KEYS[1], "ZG_STATE_DIR": str(self.state)}
        return zg("account", *arguments, "--rpc", self.chain.url, answer=answer, **environment)

    def sign(self, *names):
        """Sign transfers and broadcast them."""
        with Wallet(ChainClient(self.chain.url), SENDER, self.state).sender() as sender:
            for number, name in enumerate(names, 1):
                sender.submit(name, PreparedCall(target(number), value=number, gas=100_000))

    def mine_once_replaced(self, nonce):
        """Mine as soon as a transfer of nothing has a nonce, in the background."""

        def is_replaced():
            waiting = self.chain.rpc("txpool_content")["pending"]
            mine = next((each for sender, each in waiting.items() if sender.lower() == SENDER.address.lower()), {})
            return mine.get(str(nonce), {}).get("value") == "0x0"

        def mine():
            eventually(is_replaced, f"nonce {nonce} is taken back")
            self.chain.mine()

        threading.Thread(target=mine, daemon=True).start()

    def received(self, number):
        return int(self.chain.rpc("eth_getBalance", target(number), "latest"), 16)


@pytest.fixture
def desk(tmp_path, chain):
    return Desk(tmp_path, chain)


@pytest.mark.anvil
def test_pending__nothing_signed__says_so(desk):
    assert desk.account("pending", "--json").json == {"account": SENDER.address, "pending": []}
    assert desk.account("pending").out.splitlines()[-1].split() == ["pending", "nothing"]


@pytest.mark.anvil
def test_pending__some_wait__are_listed_by_nonce(desk):
    desk.sign("one", "two")
    listed = desk.account("pending", "--json").json["pending"]
    assert [(each["nonce"], each["name"], each["value"], each["cancels"]) for each in listed] == [
        (0, "one", 1, False),
        (1, "two", 2, False),
    ]
    words = desk.account("pending").out
    assert f"nonce 0: one, 1 wei to {target(1)}, gas at most " in words
    assert "nonce 1: two, 2 wei" in words
    desk.chain.mine()
    assert desk.account("pending", "--json").json["pending"] == []


@pytest.mark.anvil
@pytest.mark.parametrize("by", ["0", "one"])
def test_cancel__one_that_waits__is_taken_back_and_later_ones_are_mined(desk, by):
    desk.sign("one", "two")
    desk.mine_once_replaced(0)
    told = desk.account("cancel", by, "--yes", "--json")
    assert (told.code, told.err) == (0, "")
    assert told.json == {
        "account": SENDER.address,
        "nonce": 0,
        "name": "one",
        "cancelled": True,
        "transaction": None,
    }
    assert (desk.received(1), desk.received(2)) == (0, 2)
    assert desk.account("pending", "--json").json["pending"] == []


@pytest.mark.anvil
def test_cancel__without_yes__asks_and_a_no_sends_nothing(desk):
    desk.sign("one")
    refused = desk.account("cancel", "0", answer="n\n")
    assert refused.code == 4
    assert "Take back nonce 0, one? It costs at most 0.000" in refused.err
    assert refused.err.endswith("nothing was taken back\n")
    assert desk.account("cancel", "0", "--json").error == ("Interrupted", "nothing was taken back")
    desk.chain.mine()
    assert desk.received(1) == 1


@pytest.mark.anvil
def test_cancel__what_does_not_wait__is_not_found(desk):
    desk.sign("one")
    for name in ("1", "two"):
        told = desk.account("cancel", name, "--yes")
        assert told.code == 3
        assert told.err == (
            f"no transaction {name} of {SENDER.address} waits: `zg account pending` lists those that do\n"
        )


def test_pending__no_chain_known__says_how_to_name_one():
    told = zg("account", "pending", ZG_CLIENT_PRIVATE_KEY=KEY)
    assert (told.code, told.err) == (2, "no chain is known: set --rpc, or --network\n")


def test_upload__account_that_is_stuck__says_what_to_type_and_goes_on_once_that_is_done(around, monkeypatch):
    """The RPC passes on nothing that is as dear as an upload, so that this one keeps its nonce for ever."""
    monkeypatch.setattr(chain_client, "ChainClient", lambda rpc: ChainClient(rpc, post=around.chain.post))
    around.chain.fee_cap = 60_000 * 3 * 10**9
    stuck = around.upload("--yes")
    assert stuck.code == 4
    assert "more than this RPC passes on" in stuck.err
    assert stuck.err.splitlines()[-1] == (
        "signed and not known to be mined: nonce 0; `zg account pending` shows more, and `zg account cancel 0` takes "
        "the first one back, so that later ones get their turn"
    )
    assert "`zg account cancel 0`" in json.loads(around.upload("--yes", "--json").out)["error"]["message"]

    def mine(method, _):
        if method == "eth_getTransactionReceipt" and around.chain.pool:
            around.chain.mine()

    around.chain.before = mine
    told = zg("account", "cancel", 0, "--yes", "--json", "--rpc", RPC, **around.state)
    assert (told.json["cancelled"], told.json["account"]) == (True, PAYER)
    assert [(each.nonce, each.to, each.value) for each in around.chain.mined()] == [(0, PAYER, 0)]
    again = around.upload("--yes")
    assert "`zg account cancel 1`" in again.err  # it is signed anew; what was taken back is not waited for
