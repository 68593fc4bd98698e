"""What administrators of streams do: grant and take rights, and look at them."""

from __future__ import annotations

import click

from offchain.cli.output import tell, with_json
from offchain.cli.storage.kv.outcome import paying, send
from offchain.cli.storage.kv.parameters import Stream, octets
from offchain.cli.storage.kv.reading import AT, HEX
from offchain.cli.storage.kv.settings import KvPaySettings, KvReadSettings
from offchain.errors import BadSettings
from offchain.runtime.settings import with_settings

KEY = click.option("--key", metavar="KEY", help="The right to write this special key, not the normal ones.")
ADMIN = click.option("--admin", is_flag=True, help="The right to write every key and to change rights.")


@click.command()
@click.argument("stream", type=Stream())
@click.argument("account")
@KEY
@ADMIN
@paying
@HEX
@with_settings(KvPaySettings)
@with_json
def grant(
    stream: bytes,
    account: str,
    key: str | None,
    admin: bool,
    yes: bool,
    public_format: bool,
    replicas: int,
    is_hex: bool,
    settings: KvPaySettings,
    as_json: bool,
) -> None:
    """Let ACCOUNT write the normal keys of STREAM, or one special key, or administrate.

    Administrators grant everything; writers pass on the right that they have. It counts from the next submission on.
    """
    from offchain.storage.kv.client.batch import Batch

    if admin and key is not None:
        raise BadSettings("an administrator writes every key: leave out --key or --admin")
    batch = Batch()
    if admin:
        batch.grant_admin(stream, account)
    else:
        batch.grant(stream, account, _key(key, is_hex))
    with settings.payer(replicas, public_format) as client:
        send(client, batch, stream, yes, as_json)


@click.command()
@click.argument("stream", type=Stream())
@click.argument("account")
@KEY
@paying
@HEX
@with_settings(KvPaySettings)
@with_json
def revoke(
    stream: bytes,
    account: str,
    key: str | None,
    yes: bool,
    public_format: bool,
    replicas: int,
    is_hex: bool,
    settings: KvPaySettings,
    as_json: bool,
) -> None:
    """Take from ACCOUNT the right to write the normal keys of STREAM, or one special key.

    Administrators cannot be revoked: they renounce.
    """
    from offchain.storage.kv.client.batch import Batch

    batch = Batch().revoke(stream, account, _key(key, is_hex))
    with settings.payer(replicas, public_format) as client:
        send(client, batch, stream, yes, as_json)


@click.command()
@click.argument("stream", type=Stream())
@KEY
@ADMIN
@paying
@HEX
@with_settings(KvPaySettings)
@with_json
def renounce(
    stream: bytes,
    key: str | None,
    admin: bool,
    yes: bool,
    public_format: bool,
    replicas: int,
    is_hex: bool,
    settings: KvPaySettings,
    as_json: bool,
) -> None:
    """Give up your own right to write the normal keys of STREAM, or one special key, or to administrate."""
    from offchain.storage.kv.client.batch import Batch

    if admin and key is not None:
        raise BadSettings("an administrator writes every key: leave out --key or --admin")
    batch = Batch()
    if admin:
        batch.renounce_admin(stream)
    else:
        batch.renounce(stream, _key(key, is_hex))
    with settings.payer(replicas, public_format) as client:
        send(client, batch, stream, yes, as_json)


@click.command()
@click.argument("stream", type=Stream())
@click.argument("key")
@click.option("--undo", is_flag=True, help="Make it a normal key again.")
@paying
@HEX
@with_settings(KvPaySettings)
@with_json
def special(
    stream: bytes,
    key: str,
    undo: bool,
    yes: bool,
    public_format: bool,
    replicas: int,
    is_hex: bool,
    settings: KvPaySettings,
    as_json: bool,
) -> None:
    """Make KEY of STREAM special: then only administrators write it, and those granted it with --key."""
    from offchain.storage.kv.client.batch import Batch

    batch, name = Batch(), octets(key, is_hex)
    if undo:
        batch.make_normal(stream, name)
    else:
        batch.make_special(stream, name)
    with settings.payer(replicas, public_format) as client:
        send(client, batch, stream, yes, as_json)


@click.command()
@click.argument("stream", type=Stream())
@click.argument("account")
@KEY
@AT
@HEX
@with_settings(KvReadSettings)
@with_json
def rights(
    stream: bytes,
    account: str,
    key: str | None,
    at: int | None,
    is_hex: bool,
    settings: KvReadSettings,
    as_json: bool,
) -> None:
    """Tell what ACCOUNT may do in STREAM, and with --key whether it may write that key. Proven."""
    name = _key(key, is_hex)
    with settings.client() as client:
        if at is None and not settings.unproven:
            newest = client.moment(stream).seq
            at = newest if newest >= 0 else None  # one moment for all answers, if there is one
        known: dict[str, object] = {
            "administrator": client.is_admin(stream, account, at),
            "writer": client.is_writer(stream, account, None, at),
        }
        if name is not None:
            known["special key"] = client.is_special(stream, name, at)
            known["writer of the key"] = client.is_writer(stream, account, name, at)
            known["may write it"] = client.may_write(stream, account, name, at)
    shown = known if as_json else {name: "yes" if holds else "no" for name, holds in known.items()}
    tell({**shown, "sequence": at}, as_json)


def _key(text: str | None, is_hex: bool) -> bytes | None:
    return None if text is None else octets(text, is_hex)
