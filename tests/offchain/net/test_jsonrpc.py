import json

import pytest

from offchain.net import jsonrpc
from offchain.net.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, Request, RpcError
from tests.doubles.recursion import limit_of_workers


def call(**fields):
    return {"jsonrpc": "2.0", "method": "probe", "id": 1} | fields


@pytest.mark.parametrize("body", [b"", b"{", b"[1,", b"\xff", b"{'a': 1}", b"9" * 5000, b"[" * 100_000], ids=range(7))
def test_parse__what_is_no_json__is_a_parse_error(body):
    with limit_of_workers(), pytest.raises(RpcError) as error:
        jsonrpc.parse(body)
    assert error.value.body == {"code": PARSE_ERROR, "message": "Parse error"}


def test_parse__json__is_its_value():
    assert jsonrpc.parse(b'[{"a": null}, 5]') == [{"a": None}, 5]


def test_request__complete__is_read():
    assert jsonrpc.request(call(params=[1, "a"], id="x")) == Request("probe", [1, "a"], "x")


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": []}])
def test_request__no_parameters__are_an_empty_list(params):
    assert jsonrpc.request(call(**params)).params == []


@pytest.mark.parametrize("params", [{}, {"root": "0x"}, 5, "x", True])
def test_request__parameters_that_are_no_array__are_invalid(params):
    with pytest.raises(RpcError) as error:
        jsonrpc.request(call(params=params))
    assert error.value.body == {
        "code": INVALID_PARAMS,
        "message": "Invalid params",
        "data": "parameters are positional: send an array",
    }


@pytest.mark.parametrize("number", [0, -5, 1.5, "", "abc", None, 10**30])
def test_request__any_id_of_the_specification__is_taken(number):
    request = jsonrpc.request(call(id=number))
    assert (request.id, request.is_notification) == (number, False)


def test_request__no_id__is_a_notification():
    request = jsonrpc.request({"jsonrpc": "2.0", "method": "probe"})
    assert (request.id, request.is_notification) == (None, True)


@pytest.mark.parametrize(
    "value",
    [
        5,
        "x",
        None,
        [],
        {},
        {"method": "probe", "id": 1},
        call(jsonrpc="1.0"),
        call(jsonrpc=2.0),
        call(method=None),
        call(method=5),
        call(method=["probe"]),
        call(id=True),
        call(id=[]),
        call(id={}),
    ],
    ids=str,
)
def test_request__anything_else__is_invalid(value):
    with pytest.raises(RpcError) as error:
        jsonrpc.request(value)
    assert error.value.body == {"code": INVALID_REQUEST, "message": "Invalid request"}


@pytest.mark.parametrize(
    ("value", "number"),
    [({"id": 5}, 5), ({"id": "x"}, "x"), ({"id": 1.5}, 1.5), ({"id": True}, None), ({"id": []}, None), ([1], None)],
)
def test_id_of__broken_request__is_what_can_be_answered(value, number):
    assert jsonrpc.id_of(value) == number


def test_answers__have_the_form_of_the_specification():
    assert jsonrpc.success(1, None) == {"jsonrpc": "2.0", "result": None, "id": 1}
    error = RpcError(-32000, "too many data writing: 64")
    assert jsonrpc.failure("x", error) == {
        "jsonrpc": "2.0",
        "error": {"code": -32000, "message": "too many data writing: 64"},
        "id": "x",
    }


def test_rpc_error__with_data__says_both():
    error = RpcError(-32602, "Invalid params: root", "already uploaded and finalized")
    assert str(error) == "Invalid params: root: already uploaded and finalized"
    assert error.body["data"] == "already uploaded and finalized"
    assert RpcError(1, "a", "").body == {"code": 1, "message": "a", "data": ""}


@pytest.mark.parametrize(
    "answer",
    [
        jsonrpc.success(7, {"a": ["é", None, True, 1.5]}),
        jsonrpc.failure(None, RpcError(-32000, "no", ["why"])),
        [jsonrpc.success("x", 1), jsonrpc.failure(2, RpcError(-1, "no"))],
    ],
)
def test_encode__answers__are_the_json_that_they_are(answer):
    assert json.loads(jsonrpc.encode(answer)) == answer


@pytest.mark.parametrize("number", [7, None, 'a "name"', 1.5])
def test_encode__result_that_is_json_already__stands_in_it_as_it_is(number):
    answer = jsonrpc.success(number, jsonrpc.Encoded("[[1,2],[]]"))
    told = {"jsonrpc": "2.0", "result": [[1, 2], []], "id": number}
    assert json.loads(jsonrpc.encode(answer)) == told
    assert json.loads(jsonrpc.encode([answer, answer])) == [told, told]


@pytest.mark.parametrize(
    "value", [12345, "x" * 1000, ["ab", "cd"] * 100, {"a": {"b": ["0x" + "ab" * 32] * 50}}, ("ab",) * 9]
)
def test_length__value__is_about_that_of_its_json(value):
    assert abs(jsonrpc.length(value) - len(json.dumps(value))) <= 10
    assert jsonrpc.length(jsonrpc.Encoded("x" * 1000)) == 1000


@pytest.mark.parametrize(
    "piece",
    [b"[],", b"{},", b"1,", b'"",', b"[" * 500 + b"]" * 500 + b","],
    ids=["lists", "tables", "numbers", "texts", "nests"],
)
def test_parse__body_that_would_swell_in_memory__is_refused(piece):
    body = b"[" + piece * (jsonrpc.MAX_VALUES // piece.count(b"[" if b"[[" in piece else b",")) + b"1]"
    with pytest.raises(RpcError) as refused:
        jsonrpc.parse(body)
    assert (refused.value.code, refused.value.data) == (-32600, "it holds more values than any method takes")


def test_parse__large_body__holds_ascii_only():
    large = '{"data": "' + "A" * jsonrpc.MAX_VALUES + '"}'
    assert jsonrpc.parse(large.encode()) == json.loads(large)
    with pytest.raises(RpcError, match="large bodies are ASCII"):
        jsonrpc.parse(large.replace("AA", "A\N{OWL}", 1).encode())
    assert jsonrpc.parse('"\N{OWL}"'.encode()) == "\N{OWL}"


def test_parse__the_largest_upload__has_far_fewer_values_than_are_read():
    proof = {"lemma": ["0x" + "ab" * 32] * 50, "path": [True] * 48}
    segment = json.dumps({"data": "A" * 350_000, "proof": proof, "root": "", "index": 1, "fileSize": 1})
    largest = 100 << 20
    assert 2 * sum(map(segment.count, ",[{")) * largest // len(segment) < jsonrpc.MAX_VALUES
    assert len(jsonrpc.parse(f"[{','.join([segment] * 10)}]".encode())) == 10
