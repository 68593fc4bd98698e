"""JSON-RPC 2.0 messages: what a server must refuse and how it says so (jsonrpc.org/specification, sections 4 to 6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from offchain.errors import ZgError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
TOO_BIG = -32007
ANSWER_TOO_BIG = -32008

MAX_VALUES = 1 << 17
"""In one body. Small values take twenty times as much memory as their text; no method takes so many."""


class RpcError(ZgError):
    """The error that a method answers with."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        """`data` says more than the code's own `message`."""
        self.code = code
        self.message = message
        self.data = data
        super().__init__(message if data is None else f"{message}: {data}")

    @property
    def body(self) -> dict[str, Any]:
        """The `error` member of an answer."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        return error if self.data is None else {**error, "data": self.data}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A result that is JSON already. Large ones are best encoded where they are made, on another thread."""

    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """A call, or a notification when it has no id."""

    method: str
    params: Sequence[Any]
    id: str | int | float | None
    is_notification: bool = False


def parse(body: bytes) -> Any:
    """The JSON value of a request body; RpcError when it is none, or would swell in memory."""
    if len(body) > MAX_VALUES:
        # Large bodies hold segments, which are ASCII: a single other character makes their text four times as large.
        if not body.isascii():
            raise RpcError(PARSE_ERROR, "Parse error", "large bodies are ASCII")
        if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
            raise RpcError(INVALID_REQUEST, "Invalid request", "it holds more values than any method takes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, "Parse error") from error


def request(value: Any) -> Request:
    """The request that `value` is; RpcError when it is none. Absent parameters are an empty list."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or not isinstance(value.get("method"), str):
        raise RpcError(INVALID_REQUEST, "Invalid request")
    number = value.get("id")
    if isinstance(number, bool) or not isinstance(number, str | int | float | None):
        raise RpcError(INVALID_REQUEST, "Invalid request")
    params = value.get("params")
    if params is None:
        params = []
    if not isinstance(params, list):
        raise RpcError(INVALID_PARAMS, "Invalid params", "parameters are positional: send an array")
    return Request(value["method"], params, number, "id" not in value)


def id_of(value: Any) -> str | int | float | None:
    """The id to answer `value` with, however broken it is otherwise."""
    number = value.get("id") if isinstance(value, dict) else None
    return number if isinstance(number, str | int | float) and not isinstance(number, bool) else None


def success(number: str | int | float | None, result: Any) -> dict[str, Any]:
    """The answer of a method that succeeded."""
    return {"jsonrpc": "2.0", "result": result, "id": number}


def failure(number: str | int | float | None, error: RpcError) -> dict[str, Any]:
    """The answer of a method that failed."""
    return {"jsonrpc": "2.0", "error": error.body, "id": number}


def encode(answer: Any) -> str:
    """An answer, or a batch of them, as JSON."""
    if isinstance(answer, list):
        return f"[{','.join(map(encode, answer))}]"
    if isinstance(answer.get("result"), Encoded):
        number, text = json.dumps(answer["id"]), answer["result"].text
        return f'{{"jsonrpc": "2.0", "result": {text}, "id": {number}}}'
    return json.dumps(answer)


def length(value: Any) -> int:
    """About how many characters a value has as JSON, without making them."""
    if isinstance(value, Encoded):
        return len(value.text)
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, dict):
        return 2 + sum(length(key) + length(each) + 4 for key, each in value.items())
    if isinstance(value, list | tuple):
        return 2 + sum(length(each) + 2 for each in value)
    return len(str(value))
