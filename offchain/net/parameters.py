"""Parameters of JSON-RPC methods: decoded strictly, refused by name.

A method's signature declares them: `async def get_file_info(self, root: Hash, need_available: bool = False)`. The
texts of errors follow those of the existing nodes, because clients read them.
"""

from __future__ import annotations

import base64
import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from offchain.net.jsonrpc import INVALID_PARAMS, RpcError

Handler = Callable[..., Awaitable[Any]]


def _hash(value: Any) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-fA-F]{64}", value):
        raise ValueError("expected a 0x-prefixed hex string of 32 bytes")
    return bytes.fromhex(value[2:])


def _base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("expected a base64 string")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError as error:
        raise ValueError("expected a base64 string") from error


U64 = Annotated[int, Field(strict=True, ge=0, lt=1 << 64)]
"""A JSON number from 0 to 2^64 - 1."""

Hash = Annotated[bytes, BeforeValidator(_hash)]
"""32 bytes as 0x-prefixed hex."""

Base64 = Annotated[bytes, BeforeValidator(_base64)]
"""Bytes as base64."""

Flag = Annotated[bool, Field(strict=True)]
"""A JSON boolean."""

SeqOrRoot = U64 | Hash
"""A sequence number, or a root as hex."""


class Signature:
    """What a handler takes, in order."""

    def __init__(self, handler: Handler) -> None:
        """Reads the annotations of `handler`, a bound method or a function."""
        parameters = inspect.signature(handler, eval_str=True).parameters.values()
        self._names = [parameter.name for parameter in parameters]
        self._required = sum(parameter.default is inspect.Parameter.empty for parameter in parameters)
        self._types = [TypeAdapter(parameter.annotation) for parameter in parameters]

    def decode(self, params: Sequence[Any]) -> list[Any]:
        """The arguments; RpcError -32602 that names the parameter when one does not fit."""
        if len(params) > len(self._names):
            raise RpcError(INVALID_PARAMS, "Invalid params", f"expected at most {len(self._names)} parameters")
        if len(params) < self._required:
            raise RpcError(INVALID_PARAMS, "Invalid params", f"missing parameter {self._names[len(params)]}")
        return [
            self._one(name, kind, value) for name, kind, value in zip(self._names, self._types, params, strict=False)
        ]

    def _one(self, name: str, kind: TypeAdapter[Any], value: Any) -> Any:
        try:
            return kind.validate_python(value)
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            place = "".join(f".{part}" for part in detail["loc"] if isinstance(part, str | int))
            text = detail["msg"].removeprefix("Value error, ")
            raise RpcError(INVALID_PARAMS, "Invalid params", f"{name}{place}: {text}") from error
