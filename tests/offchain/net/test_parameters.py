import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from offchain.net.jsonrpc import INVALID_PARAMS, RpcError
from offchain.net.parameters import U64, Base64, Flag, Hash, SeqOrRoot, Signature

HEX = "0x" + "1f" * 32


class Inner(BaseModel):
    root: Hash
    path: list[Flag]


def signature(annotation, default=None):
    """Of a method with one parameter called `value`."""

    async def method(value): ...

    method.__annotations__ = {"value": annotation}
    if default is not None:
        method.__defaults__ = (default,)
    return Signature(method)


def decoded(annotation, value):
    return signature(annotation).decode([value])[0]


def refusal(annotation, value):
    with pytest.raises(RpcError) as error:
        decoded(annotation, value)
    assert (error.value.code, error.value.message) == (INVALID_PARAMS, "Invalid params")
    return error.value.data


@pytest.mark.parametrize("value", [0, 1, 1 << 32, (1 << 64) - 1])
def test_u64__number_in_range__is_taken(value):
    assert decoded(U64, value) == value


@pytest.mark.parametrize("value", [True, False, 1.0, 1.5, "1", None, [1], {}])
def test_u64__anything_but_an_integer__is_refused_by_name(value):
    assert refusal(U64, value) == "value: Input should be a valid integer"


def test_u64__out_of_range__is_refused_by_name():
    assert refusal(U64, -1) == "value: Input should be greater than or equal to 0"
    assert refusal(U64, 1 << 64) == "value: Input should be less than 18446744073709551616"


@given(st.binary(min_size=32, max_size=32), st.booleans())
def test_hash__hex_in_any_case__is_taken(root, upper):
    text = root.hex().upper() if upper else root.hex()
    assert decoded(Hash, "0x" + text) == root


@pytest.mark.parametrize(
    "value",
    [
        HEX[:-1],
        HEX + "0",
        HEX[2:],
        "0X" + HEX[2:],
        HEX[:-1] + "g",
        "0x" + "  " + "1f" * 31,
        "",
        5,
        None,
        [HEX],
        HEX + "\n",
    ],
)
def test_hash__anything_else__is_refused_by_name(value):
    assert refusal(Hash, value) == "value: expected a 0x-prefixed hex string of 32 bytes"


@given(st.binary(max_size=50))
def test_base64__any_bytes__are_taken(data):
    assert decoded(Base64, base64.b64encode(data).decode()) == data


@pytest.mark.parametrize("value", ["a", "YQ", "YQ=", "Y Q==", "YQ==\n", "!!!!", "é", "YQ-_", 5, None, ["YQ=="]])
def test_base64__anything_else__is_refused_by_name(value):
    assert refusal(Base64, value) == "value: expected a base64 string"


@pytest.mark.parametrize("value", [1, 0, "true", "", None, [True]])
def test_flag__anything_but_a_boolean__is_refused_by_name(value):
    assert decoded(Flag, True) is True
    assert refusal(Flag, value) == "value: Input should be a valid boolean"


def test_seq_or_root__number_or_hash__is_told_apart():
    assert decoded(SeqOrRoot, 5) == 5
    assert decoded(SeqOrRoot, HEX) == bytes.fromhex(HEX[2:])


@pytest.mark.parametrize("value", [-1, 1 << 64, True, "x", None, 1.5, HEX[:-1]])
def test_seq_or_root__anything_else__is_refused_by_name(value):
    assert refusal(SeqOrRoot, value).startswith("value")


def test_nested__wrong_member__is_refused_by_its_place():
    assert decoded(Inner, {"root": HEX, "path": [True]}).path == [True]
    assert refusal(Inner, {"root": HEX, "path": [True, 1]}) == "value.path.1: Input should be a valid boolean"
    assert refusal(Inner, {"path": []}) == "value.root: Field required"
    assert refusal(list[Inner], [{"root": HEX, "path": []}, {"root": "", "path": []}]) == (
        "value.1.root: expected a 0x-prefixed hex string of 32 bytes"
    )
    assert refusal(list[Inner], {}) == "value: Input should be a valid list"


def test_nullable__null_or_value__is_taken():
    assert decoded(U64 | None, None) is None
    assert decoded(U64 | None, 5) == 5
    assert refusal(U64 | None, "x") == "value: Input should be a valid integer"


def test_decode__too_many_or_too_few__is_refused():
    async def method(first: U64, second: Hash, third: Flag = False): ...

    taken = Signature(method)
    assert taken.decode([1, HEX]) == [1, bytes.fromhex(HEX[2:])]
    assert taken.decode([1, HEX, True])[2] is True
    for params, complaint in [
        ([], "missing parameter first"),
        ([1], "missing parameter second"),
        ([1, HEX, True, 5], "expected at most 3 parameters"),
    ]:
        with pytest.raises(RpcError) as error:
            taken.decode(params)
        assert error.value.body == {"code": INVALID_PARAMS, "message": "Invalid params", "data": complaint}


def test_decode__bound_method__leaves_self_out():
    class Api:
        async def method(self, value: U64): ...

    assert Signature(Api().method).decode([5]) == [5]


def test_decode__no_parameters__takes_none():
    async def method(): ...

    assert Signature(method).decode([]) == []
    with pytest.raises(RpcError, match="expected at most 0 parameters"):
        Signature(method).decode([None])
