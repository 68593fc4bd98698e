"""Every method of the tables answers in the shape that they say, and there is no method that is not in them."""

import json
import re
from pathlib import Path

import pytest
from eth_account import Account

from offchain.storage.kv.server.admin_api import PURPOSE, TYPES, AdminApi, domain
from offchain.storage.wire import to_hex
from tests.doubles.kv_parts import IDENTITY
from tests.doubles.local_web import LocalWeb
from tests.doubles.streams import StreamFile, b64, stream_id
from tests.offchain.storage.node.test_methods import SIMPLE, fits

VECTORS = json.loads((Path(__file__).parents[4] / "vectors" / "kv_methods.json").read_text())["methods"]
SERVER = "http://kv"
WALLET = Account.from_key("0x" + "11" * 32)
STREAM, OPEN, OTHER = stream_id(1), stream_id(2), stream_id(3)
KEY, NEVER = b"key", b"never 5"


@pytest.fixture(autouse=True, scope="module")
def _addresses():
    SIMPLE["address"] = lambda value: isinstance(value, str) and bool(re.fullmatch("0x[0-9a-f]{40}", value))
    yield
    del SIMPLE["address"]


class Asked:
    """A server in the state that the vectors describe."""

    def __init__(self, parts):
        submission = StreamFile(writes=[(STREAM, KEY, b"value")])
        told = parts.flow.submit(submission.submission(), 1, caller=WALLET.address)
        parts._record([told])
        parts.give(0, submission)
        parts.block = 1
        parts.announce(StreamFile(writes=[(OPEN, KEY, b"open")]))
        admin = AdminApi(IDENTITY[0], parts.database, parts.holding)
        methods = {**parts.api.methods, **parts.checked.methods, **admin.methods}
        web = LocalWeb()
        web.serve(SERVER, methods)
        self.client, self.methods = web.client(SERVER), set(methods)
        message = {"purpose": PURPOSE, "wallet": WALLET.address, "streamId": STREAM}
        self._placeholders = {
            "$stream": to_hex(STREAM),
            "$openStream": to_hex(OPEN),
            "$otherStream": to_hex(OTHER),
            "$key": b64(KEY),
            "$never": b64(NEVER),
            "$account": WALLET.address,
            "$signature": "0x" + WALLET.sign_typed_data(domain(IDENTITY[0]), TYPES, message).signature.hex(),
        }

    def filled(self, params):
        return [self._placeholders.get(each, each) if isinstance(each, str) else each for each in params]


@pytest.fixture
def asked(parts):
    return Asked(parts)


def test_methods__of_the_vectors__are_all_there_are(asked):
    assert {vector["method"] for vector in VECTORS} == asked.methods


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['method']} {vector['params']}"[:60])
def test_method__called_as_clients_do__answers_in_the_shape_of_the_table(asked, vector):
    result = asked.client.rpc(vector["method"], *asked.filled(vector["params"]))
    assert fits(result, vector["result"]), result
