"""The sender on a real chain: fees that rise, forks, a stalling RPC, and a process that is killed."""

import random
import subprocess
import sys
import threading

import pytest

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.outcomes import Cancelled, CapReached
from offchain.chain.sender import SendPolicy, TransactionSender
from offchain.chain.types import PreparedCall
from offchain.errors import ChainUnavailable, InsufficientFunds, TransactionReverted
from offchain.store.database import Database
from offchain.store.journal import JOURNAL_SCHEMA, TransactionJournal
from tests.doubles.anvil import KEYS, ROOT, Anvil
from tests.doubles.proxy import Drop, Proxy
from tests.doubles.sending_worker import target

pytestmark = pytest.mark.anvil

PAYER = Account.from_private_key(KEYS[1])
POLICY = SendPolicy(poll=0.01, repeat_after=0.05, raise_after=0.1)


def make_sender(directory, url, account=PAYER, policy=POLICY):
    client = ChainClient(url)
    database = Database(directory / "state.db", JOURNAL_SCHEMA, durable=False)
    return TransactionSender(client, account, TransactionJournal(database, 31337, account.address), policy)


def balance(chain, number):
    return int(chain.rpc("eth_getBalance", target(number), "latest"), 16)


@pytest.fixture
def sender(anvil_chain, tmp_path):
    return make_sender(tmp_path, anvil_chain.url)


def test_send__contract_call__is_mined_with_its_event(sender, emitter):
    receipt = sender.send("note 7", emitter.prepare("note(uint256)", 7))
    assert [emitter.decode(log).arguments["number"] for log in receipt.logs] == [7]


def test_send__contract_refuses__raises_its_reason_and_uses_no_nonce(sender, emitter, client):
    before = client.nonce(PAYER.address)
    with pytest.raises(TransactionReverted, match="emitter: too large"):
        sender.send("note 1000", emitter.prepare("note(uint256)", 1000))
    assert client.nonce(PAYER.address, "pending") == before


def test_send__mined_but_failed__raises_the_contract_s_reason(sender, emitter):
    call = emitter.prepare("note(uint256)", 1000, gas=100_000)
    with pytest.raises(TransactionReverted, match="in 0x[0-9a-f]{64}: emitter: too large"):
        sender.send("forced", call)


def test_send__out_of_gas__says_so(sender, emitter):
    with pytest.raises(TransactionReverted, match="out of gas"):
        sender.send("starved", emitter.prepare("note(uint256)", 5, gas=22_500))


def test_send__empty_account__names_it(anvil_chain, tmp_path):
    pauper = Account.from_private_key("0x" + "b7" * 32)
    with pytest.raises(InsufficientFunds, match=f"{pauper.address} lacks"):
        make_sender(tmp_path, anvil_chain.url, pauper).send("one", PreparedCall(target(1), value=1))


def test_send__connection_dropped_after_the_broadcast__is_mined_once(anvil_chain, tmp_path):
    with Proxy(anvil_chain.post) as proxy:

        def drop(method, params, result):
            if method == "eth_sendRawTransaction":
                proxy.after = lambda method, params, result: result
                raise Drop
            return result

        proxy.after = drop
        make_sender(tmp_path, proxy.url).send("one", PreparedCall(target(2), value=1))
    assert balance(anvil_chain, 2) == 1


def test_submit__connection_dropped_after_the_broadcast__may_be_repeated(anvil_chain, tmp_path):
    with Proxy(anvil_chain.post) as proxy:

        def drop(method, params, result):
            if method == "eth_sendRawTransaction":
                raise Drop
            return result

        proxy.after = drop
        sender = make_sender(tmp_path, proxy.url)
        with pytest.raises(ChainUnavailable):
            sender.submit("one", PreparedCall(target(3), value=1))
        proxy.after = lambda method, params, result: result
        sender.send("one", PreparedCall(target(3), value=1))
    assert balance(anvil_chain, 3) == 1


def test_send__receipt_reorganised_away__is_mined_again(anvil_chain, tmp_path):
    sender = make_sender(tmp_path, anvil_chain.url, policy=SendPolicy(confirmations=2, repeat_after=0, poll=0.01))
    sender.submit("one", PreparedCall(target(4), value=1))
    while balance(anvil_chain, 4) == 0:
        sender.check("one")
    anvil_chain.rpc("anvil_reorg", 1, [])
    for _ in range(500):
        if receipt := sender.check("one"):
            break
        anvil_chain.mine()
    assert receipt.succeeded
    assert balance(anvil_chain, 4) == 1


def test_send__chain_that_mines_nothing_cheap__raises_the_offer(tmp_path):
    with Anvil("--no-mining") as chain:
        sender = make_sender(tmp_path, chain.url)
        sender.submit("one", PreparedCall(target(1), value=1))
        entries = sender._journal.of_key
        while len(entries("one")) < 3:
            assert sender.check("one") is None
        chain.mine()
        receipt = sender.send("one", PreparedCall(target(1), value=1), timeout=10)
        assert receipt.transaction_hash == entries("one")[-1].transaction_hash
        assert balance(chain, 1) == 1


def test_send__chain_before_eip_1559__offers_a_gas_price(tmp_path):
    with Anvil("--hardfork", "berlin") as chain:
        assert make_sender(tmp_path, chain.url).send("one", PreparedCall(target(1), value=1)).succeeded


def test_send__base_fee_jumps_after_the_user_agreed__waits_for_more_and_costs_no_more(tmp_path):
    with Anvil() as chain:
        sender, call = make_sender(tmp_path, chain.url), PreparedCall(target(1), value=1)
        agreed, before = sender.quote(call), own_balance(chain)
        chain.rpc("anvil_setNextBlockBaseFeePerGas", hex(200 * 10**9))
        chain.mine()
        with pytest.raises(CapReached) as reached:
            sender.send("one", call, cap=agreed)
        assert own_balance(chain) == before
        assert sender.send("one", call, cap=reached.value.needed).succeeded
        assert before - own_balance(chain) - 1 <= reached.value.needed


def test_cancel__waiting_on_a_real_chain__takes_its_nonce(tmp_path):
    with Anvil("--no-mining") as chain:
        sender = make_sender(tmp_path, chain.url)
        sender.submit("one", PreparedCall(target(1), value=1))
        sender.submit("two", PreparedCall(target(2), value=1))
        sender.cancel("one")
        chain.mine()
        with pytest.raises(Cancelled):
            sender.wait("one", timeout=10)
        assert sender.wait("two", timeout=10).succeeded
        assert (balance(chain, 1), balance(chain, 2)) == (0, 1)


def test_send__process_killed_again_and_again__mines_or_cancels_each_intent_once(tmp_path):
    intents, taken_back, dice = 8, ("6", "7"), random.Random(7)
    with Anvil("--no-mining") as chain:
        stop = threading.Event()

        def mine():
            while not stop.wait(0.05):
                chain.mine()

        threading.Thread(target=mine, daemon=True).start()
        worker = [sys.executable, "-m", "tests.doubles.sending_worker"]
        command = [*worker, chain.url, tmp_path, KEYS[1], str(intents), *taken_back]
        deaths = 0
        for life in range(40):
            patience = dice.uniform(0, 0.12) if life < 6 else 60
            deaths += run_and_kill(command, patience)
            if life >= 6:
                break
        stop.set()
        assert deaths >= 3
        mined = [not is_cancelled(tmp_path, number) for number in range(intents)]
        assert mined[:6] == [True] * 6
        assert [balance(chain, number) for number in range(intents)] == mined
        assert int(chain.rpc("eth_getTransactionCount", PAYER.address, "latest"), 16) == intents


def own_balance(chain):
    return int(chain.rpc("eth_getBalance", PAYER.address, "latest"), 16)


def is_cancelled(directory, number):
    """What the journal of a process that has ended says of an intent."""
    with Database(directory / "state.db", JOURNAL_SCHEMA) as database:
        journal = TransactionJournal(database, 31337, PAYER.address)
        settled = journal.settled(f"intent {number}")
        (entry,) = [each for each in journal.of_key(f"intent {number}") if each.transaction_hash == settled]
        return entry.cancels


def run_and_kill(command, patience):
    """Start the worker, kill it `patience` seconds after it is ready; whether that came before its end."""
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    assert process.stdout.read() == "done\n"
    return False
