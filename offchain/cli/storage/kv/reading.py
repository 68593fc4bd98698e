"""What readers of streams do: get, list, watch."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from offchain.cli.output import tell, with_json
from offchain.cli.storage.kv.evidence import in_words, told
from offchain.cli.storage.kv.parameters import Stream, named, octets, shown
from offchain.cli.storage.kv.settings import KvReadSettings
from offchain.errors import NotFound
from offchain.runtime.settings import with_settings

if TYPE_CHECKING:
    from offchain.storage.kv.client.api import KvClient
    from offchain.storage.kv.client.evidence import Entry, Value
    from offchain.storage.kv.client.watch import Change

AT = click.option("--at", type=click.IntRange(0), metavar="SEQ", help="The state after this submission, not now.")
HEX = click.option("--hex", "is_hex", is_flag=True, help="Keys and values are hexadecimal digits.")


@click.command()
@click.argument("stream", type=Stream())
@click.argument("key")
@AT
@click.option("--versions", is_flag=True, help="Every value it ever had, the newest first, deletions included.")
@HEX
@with_settings(KvReadSettings)
@with_json
def get(
    stream: bytes, key: str, at: int | None, versions: bool, is_hex: bool, settings: KvReadSettings, as_json: bool
) -> None:
    """Print the value of KEY in STREAM, byte for byte; exit code 3 when it has none.

    The value is checked against the root of the stream's state, and the root against a second server where one is
    named. How far the servers are behind the chain is told on standard error.
    """
    sought = octets(key, is_hex)
    with settings.client() as client:
        if versions:
            _tell_versions(client, stream, sought, is_hex, as_json)
            return
        value = client.get(stream, sought, at)
        _complain(client)
    if not value.exists:
        raise NotFound(f"stream 0x{stream.hex()} has no value at {key!r} ({in_words(value.evidence)})")
    if as_json:
        tell({**named("key", sought), **_as_json(value), **told(value.evidence)}, as_json)
        return
    _write(value.data, is_hex)
    click.echo(f"version {value.version}; {in_words(value.evidence)}", err=True)


@click.command("list")
@click.argument("stream", type=Stream())
@click.option("--first", metavar="KEY", help="The smallest key to list.")
@click.option("--last", metavar="KEY", help="The largest key to list.")
@click.option("--prefix", metavar="KEY", help="Only keys that begin so.")
@click.option("--reverse", is_flag=True, help="The largest key first.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="At most so many keys.")
@AT
@HEX
@with_settings(KvReadSettings)
@with_json
def list_(
    stream: bytes,
    first: str | None,
    last: str | None,
    prefix: str | None,
    reverse: bool,
    limit: int,
    at: int | None,
    is_hex: bool,
    settings: KvReadSettings,
    as_json: bool,
) -> None:
    """Print keys of STREAM and their values in order, all of one moment.

    Each value is proven. That no key was left out is what the servers say alike: no proof can show it.
    """
    from offchain.storage.kv.client.reader import with_prefix

    low, high = (None if bound is None else octets(bound, is_hex) for bound in (first, last))
    with settings.client() as client:
        if prefix is None:
            entries = client.items(stream, low, high, reverse, at)
        else:
            entries = with_prefix(client.items, stream, octets(prefix, is_hex), reverse, at)
        listed = list(islice(entries, limit))
        _complain(client)
    evidence = listed[0].value.evidence if listed else None
    if as_json:
        tell({"entries": [_entry_as_json(entry) for entry in listed], **told(evidence)}, as_json)
        return
    for entry in listed:
        click.echo(f"{_shown(entry.key, is_hex)}\t{_shown(entry.value.data, is_hex)}")
    click.echo(f"{len(listed)} keys; {in_words(evidence)}" if listed else "no keys", err=True)


@click.command()
@click.argument("stream", type=Stream())
@click.argument("key", required=False)
@click.option("--since", type=int, metavar="SEQ", help="Begin after this submission, -1 for all; by default, now.")
@click.option("--count", type=click.IntRange(1), help="End after so many changes.")
@HEX
@with_settings(KvReadSettings)
@with_json
def watch(
    stream: bytes,
    key: str | None,
    since: int | None,
    count: int | None,
    is_hex: bool,
    settings: KvReadSettings,
    as_json: bool,
) -> None:
    """Print changes of STREAM, or of one KEY, as they become visible; until Ctrl-C.

    Every version is printed, in order, also those that came between two looks. With --json each is one object on a line
    of its own. A whole stream is watched through the files of its submissions, which storage nodes serve.
    """
    sought = None if key is None else octets(key, is_hex)
    with settings.client() as client:
        try:
            for change in islice(client.watch(stream, sought, since), count):
                click.echo(json.dumps(_change_as_json(change)) if as_json else _change_in_words(change, is_hex))
        except KeyboardInterrupt:
            click.echo(err=True)


def _tell_versions(client: KvClient, stream: bytes, key: bytes, is_hex: bool, as_json: bool) -> None:
    found: Iterator[Value] = client.versions(stream, key)
    if as_json:
        tell({**named("key", key), "versions": [_as_json(value) for value in found]}, as_json)
        return
    for value in found:
        click.echo(f"{value.version}\t{_shown(value.data, is_hex) if value.exists else 'deleted'}")


def _complain(client: KvClient) -> None:
    for problem in client.problems:
        click.echo(f"passed over {problem}", err=True)


def _write(data: bytes, is_hex: bool) -> None:
    if is_hex:
        click.echo("0x" + data.hex())
        return
    sys.stdout.buffer.write(data)
    if sys.stdout.isatty():
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _shown(data: bytes, is_hex: bool) -> str:
    return "0x" + data.hex() if is_hex else shown(data)


def _as_json(value: Value) -> dict[str, Any]:
    return {**(named("value", value.data) if value.exists else {"value": None}), "version": value.version}


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    return {**named("key", entry.key), **_as_json(entry.value)}


def _change_as_json(change: Change) -> dict[str, Any]:
    if change.control is not None:
        account = {"account": "0x" + change.control.account.hex()} if change.control.account else {}
        key = named("key", change.key) if change.key else {}
        return {"sequence": change.seq, "control": change.control.kind.name, **key, **account}
    value = _as_json(change.value) if change.value else {}
    return {"sequence": change.seq, **named("key", change.key), **value}


def _change_in_words(change: Change, is_hex: bool) -> str:
    if change.control is not None:
        parts = [change.control.kind.name.lower().replace("_", " ")]
        parts += [_shown(change.key, is_hex)] if change.key else []
        parts += ["0x" + change.control.account.hex()] if change.control.account else []
        return f"{change.seq}\t" + "\t".join(parts)
    value = _shown(change.value.data, is_hex) if change.value and change.value.exists else "deleted"
    return f"{change.seq}\t{_shown(change.key, is_hex)}\t{value}"
