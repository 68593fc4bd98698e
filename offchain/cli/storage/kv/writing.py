"""What writers of streams do: put and delete."""

from __future__ import annotations

import click

from offchain.cli.output import with_json
from offchain.cli.storage.kv.outcome import IF_VERSION, paying, send
from offchain.cli.storage.kv.parameters import Stream, octets, value_of
from offchain.cli.storage.kv.reading import HEX
from offchain.cli.storage.kv.settings import KvPaySettings
from offchain.errors import Invalid
from offchain.runtime.settings import with_settings


@click.command()
@click.argument("stream", type=Stream(may_be_new=True))
@click.argument("pairs", nargs=-1, required=True, metavar="KEY VALUE [...]")
@IF_VERSION
@paying
@HEX
@with_settings(KvPaySettings)
@with_json
def put(
    stream: bytes,
    pairs: tuple[str, ...],
    if_version: int | None,
    yes: bool,
    public_format: bool,
    replicas: int,
    is_hex: bool,
    settings: KvPaySettings,
    as_json: bool,
) -> None:
    """Give each KEY of STREAM its VALUE, all in one submission; as STREAM, "new" draws one that is yours.

    A VALUE @PATH is the content of a file, @- standard input, @@… a text that begins with @. The price is shown and
    asked for first; the command ends when the values can be read. After an interruption run it again: nothing is paid
    twice. (Instead of "new" name the stream that was drawn: it is printed first.)

    Exit code 5 when somebody wrote one of the keys after --if-version, 4 when you may not write one of them.
    """
    from offchain.storage.kv.client.batch import Batch

    if len(pairs) % 2:
        raise Invalid(f"each key needs a value: {pairs[-1]!r} has none")
    batch = Batch()
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        batch.put(stream, octets(key, is_hex), value_of(value, is_hex))
    with settings.payer(replicas, public_format) as client:
        send(client, batch, stream, yes, as_json, if_version)


@click.command()
@click.argument("stream", type=Stream())
@click.argument("keys", nargs=-1, required=True, metavar="KEY [...]")
@IF_VERSION
@paying
@HEX
@with_settings(KvPaySettings)
@with_json
def delete(
    stream: bytes,
    keys: tuple[str, ...],
    if_version: int | None,
    yes: bool,
    public_format: bool,
    replicas: int,
    is_hex: bool,
    settings: KvPaySettings,
    as_json: bool,
) -> None:
    """Delete each KEY of STREAM, all in one submission; what they held stays readable with --at."""
    from offchain.storage.kv.client.batch import Batch

    batch = Batch()
    for key in keys:
        batch.delete(stream, octets(key, is_hex))
    with settings.payer(replicas, public_format) as client:
        send(client, batch, stream, yes, as_json, if_version)
