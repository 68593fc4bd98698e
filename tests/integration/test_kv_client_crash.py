"""kill -9 of `zg storage kv put` at chosen moments: the same command goes on, and nothing is paid twice."""

import random

import pytest

from tests.doubles.cluster import account
from tests.doubles.guillotine import Guillotine
from tests.doubles.kv_server import KvServer
from tests.doubles.kv_shell import OWNER, Shell
from tests.doubles.polling import eventually
from tests.doubles.zgs import Zgs

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def server(plain):
    made = KvServer(plain, name="crash-kv").start()
    yield made
    made.stop()


class Books:
    """What an account has sent so far."""

    def __init__(self, cluster):
        self.flow = cluster.chain.flow
        self.nonce = self._nonce()

    def _nonce(self):
        return self.flow.client.nonce(account(OWNER).address)

    def assert_paid_once(self):
        assert self._nonce() == self.nonce + 1
        self.nonce += 1


def test_put__killed_at_each_exchange__the_same_command_goes_on_and_pays_once(plain, server, tmp_path, full_scale):
    with Guillotine(plain.chain.url, plain.nodes[0].url, server.url) as guillotine:
        chain, node, kv = (relay.url for relay in guillotine.relays)
        shell = Shell(plain, Zgs(kv), tmp_path, chain=chain, node=node)
        stream = shell.json("put", "new", "key", "undisturbed", "--yes")["stream"]
        names = guillotine.names
        sending = names.index("eth_sendRawTransaction")
        some = {sending - 1, sending, sending + 1, len(names) - 1, random.Random(8).randrange(len(names))}
        books, fallen = Books(plain), 0
        for at in range(len(names)) if full_scale else sorted(some):
            for after in (False, True):
                value = f"killed {'after' if after else 'before'} {at}"
                guillotine.arm(at, after)
                doomed = shell.start("put", stream, "key", value, "--yes", "--json")
                eventually(lambda: guillotine.fell.is_set() or doomed.code is not None, "the guillotine falls")  # noqa: B023
                fell = guillotine.fell.is_set()
                doomed.kill()
                guillotine.disarm()
                if fell:  # whoever came to an end is done: the same command would be another wish
                    fallen += 1
                    assert shell.json("put", stream, "key", value, "--yes")["result"] == "committed"
                assert server.value(bytes.fromhex(stream[2:]), b"key") == value.encode()
                books.assert_paid_once()
        assert fallen > 6
