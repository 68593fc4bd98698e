import asyncio
import json

import pytest

from offchain.errors import Busy, Corrupted, DiskFull, Invalid, NotFound, PeerUnavailable
from offchain.net.jsonrpc import RpcError
from offchain.net.parameters import U64, Flag
from offchain.net.rpc_server import MAX_ANSWER, MAX_BATCH, RpcServer
from tests.doubles.observer import Observed

INVALID = {"code": -32600, "message": "Invalid request"}


class Api:
    """Methods that answer, or fail as planned."""

    def __init__(self):
        self.error = None
        self.noted = []

    async def add(self, first: U64, second: U64 = 10):
        return first + second

    async def note(self, value: U64):
        self.noted.append(value)

    async def flag(self, value: Flag):
        return value

    async def fail(self):
        raise self.error

    async def text(self, size: U64):
        self.noted.append(size)
        return "x" * size


class Served:
    """A server, its methods and who watches it."""

    def __init__(self):
        self.api, self.observed = Api(), Observed()
        methods = {name: getattr(self.api, name) for name in ("add", "note", "flag", "fail", "text")}
        self.server = RpcServer(methods, self.observed, 1000)

    def answer(self, body):
        """What the server answers to bytes, or to a value as JSON."""
        return asyncio.run(self.server.answer(body if isinstance(body, bytes) else json.dumps(body).encode()))

    def call(self, method, *params, **fields):
        return self.answer({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)} | fields)


@pytest.fixture
def served():
    return Served()


def ok(value, number=7):
    return {"jsonrpc": "2.0", "result": value, "id": number}


def failed(code, message, data=None, number=7):
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return {"jsonrpc": "2.0", "error": error, "id": number}


def one(method, params=None, **fields):
    return {"jsonrpc": "2.0", "method": method, "params": params or []} | fields


def test_call__method__gets_its_parameters(served):
    assert served.call("add", 1, 2) == ok(3)
    assert served.call("add", 1) == ok(11)
    assert served.observed.calls == [("add", None), ("add", None)]


def test_call__no_result__is_null(served):
    assert served.call("note", 5) == ok(None)
    assert served.api.noted == [5]


def test_call__id__comes_back_as_it_was(served):
    for number in ("x", 1.5, None, 0):
        assert served.call("add", 1, id=number) == ok(11, number)


def test_call__absent_or_null_params__are_none(served):
    served.api.error = NotFound("nothing")
    assert served.answer({"jsonrpc": "2.0", "id": 7, "method": "fail"}) == failed(-32000, "nothing")
    assert served.call("fail", params=None) == failed(-32000, "nothing")


def test_call__params_as_object__is_refused(served):
    told = served.call("add", params={"first": 1})
    assert told == failed(-32602, "Invalid params", "parameters are positional: send an array")


def test_call__unknown_method__is_refused_and_counted_without_its_name(served):
    assert served.call("nothing") == failed(-32601, "Method not found", "nothing")
    assert served.observed.calls == [("unknown", -32601)]


def test_call__wrong_parameter__is_refused_by_name(served):
    assert served.call("add", True) == failed(-32602, "Invalid params", "first: Input should be a valid integer")
    assert served.call("add", 1, 2, 3) == failed(-32602, "Invalid params", "expected at most 2 parameters")
    assert served.call("add") == failed(-32602, "Invalid params", "missing parameter first")
    assert served.observed.calls == [("add", -32602)] * 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RpcError(-32000, "own words", "and more"), (-32000, "own words", "and more")),
        (Invalid("too small"), (-32602, "Invalid params", "too small")),
        (Busy("too many files"), (-32000, "too many files")),
        (NotFound("no such file"), (-32000, "no such file")),
        (DiskFull("no room"), (-32603, "Internal error", "no room")),
        (Corrupted("damaged"), (-32603, "Internal error", "damaged")),
        (PeerUnavailable("silent"), (-32603, "Internal error", "silent")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_call__method_that_fails__answers_with_the_code_of_its_error(served, error, told):
    served.api.error = error
    assert served.call("fail") == failed(*told)
    assert served.observed.calls == [("fail", told[0])]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"jsonrpc": "2.0", "method"'])
def test_answer__malformed_json__is_a_parse_error_without_id(served, body):
    assert served.answer(body) == failed(-32700, "Parse error", number=None)


@pytest.mark.parametrize("value", [5, "x", None, True, {}, {"jsonrpc": "1.0", "method": "add", "id": 7}])
def test_answer__no_request__is_invalid_with_the_id_where_there_is_one(served, value):
    number = value.get("id") if isinstance(value, dict) else None
    assert served.answer(value) == {"jsonrpc": "2.0", "error": INVALID, "id": number}
    assert served.observed.calls == [("invalid", -32600)]


@pytest.mark.parametrize(
    "notification",
    [one("note", [5]), one("nothing"), one("note", [-5]), one("note"), one("fail")],
    ids=["works", "unknown", "wrong parameter", "missing parameter", "fails"],
)
def test_answer__notification__is_worked_on_and_never_answered(served, notification):
    served.api.error = Busy("no")
    assert served.answer(notification) is None
    assert served.answer([notification]) is None
    assert len(served.observed.calls) == 2


def test_answer__batch__is_answered_in_order_without_its_notifications(served):
    batch = [one("add", [1], id=1), one("note", [5]), one("nothing", id="b"), 5, one("add", [2], id=3)]
    assert served.answer(batch) == [
        ok(11, 1),
        failed(-32601, "Method not found", "nothing", "b"),
        {"jsonrpc": "2.0", "error": INVALID, "id": None},
        ok(12, 3),
    ]
    assert served.api.noted == [5]


def test_answer__batch_of_notifications__is_not_answered(served):
    assert served.answer([one("note", [1]), one("note", [2])]) is None
    assert served.api.noted == [1, 2]


def test_answer__batch__has_one_to_so_many_requests(served):
    limit = {**INVALID, "data": f"a batch holds 1 to {MAX_BATCH} requests"}
    assert len(served.answer([one("add", [1], id=1)] * MAX_BATCH)) == MAX_BATCH
    for batch in ([], [one("note", [1], id=1)] * (MAX_BATCH + 1)):
        assert served.answer(batch) == {"jsonrpc": "2.0", "error": limit, "id": None}
    assert served.api.noted == []


def test_answer__batch_whose_answers_grow_too_large__is_worked_on_no_further(served):
    """A few kilobytes of questions must not fetch more than a server can hold for many who ask at once."""
    third = MAX_ANSWER // 3 + 1
    batch = [one("text", [third], id=1)] * 5 + [one("add", [1], id=2)]
    answers = served.answer(batch)
    too_big = {"code": -32008, "message": "Response is too big", "data": f"Exceeded max limit of {MAX_ANSWER}"}
    assert served.api.noted == [third] * 3
    assert [len(answer["result"]) for answer in answers[:3]] == [third] * 3
    assert [answer["error"] for answer in answers[3:]] == [too_big] * 3
    assert [answer["id"] for answer in answers] == [1] * 5 + [2]


def test_answer__batch_within_a_batch__is_invalid(served):
    assert served.answer([[one("add", [1], id=1)]]) == [{"jsonrpc": "2.0", "error": INVALID, "id": None}]


def test_call__bug_in_a_method__is_not_hidden(served):
    served.api.error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        served.call("fail")
