"""Streams, keys and values on the command line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from offchain.errors import Invalid

NEW = "new"


class Stream(click.ParamType):
    """A stream's name; with `may_be_new` also the word for a fresh one."""

    name = "stream"

    def __init__(self, may_be_new: bool = False) -> None:
        """Only writing makes streams."""
        self._may_be_new = may_be_new

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """32 bytes."""
        if isinstance(value, bytes):
            return value
        if self._may_be_new and value == NEW:
            from offchain.storage.kv.client.batch import new_stream

            stream = new_stream()
            click.echo(f"stream 0x{stream.hex()}", err=True)
            return stream
        if not re.fullmatch("(0x)?[0-9a-fA-F]{64}", str(value)):
            also = f", or the word {NEW}" if self._may_be_new else ""
            self.fail(f"{value!r} is no stream: write 0x and 64 hexadecimal digits{also}")
        return bytes.fromhex(str(value).removeprefix("0x"))


def octets(text: str, is_hex: bool) -> bytes:
    """Bytes of a key or a value; Invalid for what is not hexadecimal where it should be."""
    if not is_hex:
        return text.encode()
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise Invalid(f"{text!r} is not hexadecimal") from None


def value_of(text: str, is_hex: bool) -> bytes:
    """A value: as it stands, or from the file that follows an @; @- is standard input, @@ stands for one @."""
    if text.startswith("@@"):
        return octets(text[1:], is_hex)
    if not text.startswith("@"):
        return octets(text, is_hex)
    if text == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise Invalid(f"{text[1:]} cannot be read: {error.strerror}") from error


def named(name: str, data: bytes) -> dict[str, Any]:
    """Bytes for JSON: as text, null where they are none, and as hexadecimal digits."""
    try:
        text: str | None = data.decode()
    except UnicodeDecodeError:
        text = None
    return {name: text, f"{name}Hex": "0x" + data.hex()}


def shown(data: bytes) -> str:
    """Bytes for people, on one line."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "0x" + data.hex()
    return text if text.isprintable() and text else repr(text)
