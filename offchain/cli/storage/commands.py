"""What users do with storage: upload, download, ask."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from offchain.cli.client_settings import PaySettings, ReadSettings
from offchain.cli.encryption_settings import DecryptSettings, EncryptSettings
from offchain.cli.output import coins, size, tell, with_json
from offchain.cli.progress import bars
from offchain.errors import BadSettings, Invalid
from offchain.runtime.settings import with_settings
from offchain.runtime.units import Size

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from offchain.storage.client.api import StorageClient
    from offchain.storage.client.payment import Quote
    from offchain.storage.client.reading import Reading
    from offchain.storage.client.upload import Uploaded


class Roots(click.ParamType):
    """The root of a file, or those of its fragments, on the command line."""

    name = "root[,root…]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[bytes, ...]:
        """32 bytes each."""
        if isinstance(value, tuple):
            return value
        roots = str(value).split(",")
        for root in roots:
            if not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", root):
                self.fail(
                    f"{root!r} is no root: a root is 0x and 64 hexadecimal digits, as `zg storage upload` prints it"
                )
        return tuple(bytes.fromhex(root.removeprefix("0x")) for root in roots)


class Bytes(click.ParamType):
    """A number of bytes on the command line, with a unit where that is shorter."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        try:
            return TypeAdapter(Size).validate_python(value)
        except ValidationError as error:
            self.fail(f"{value!r} is no size: {error.errors(include_url=False)[0]['msg']}")


class Range(click.ParamType):
    """START:LENGTH on the command line."""

    name = "start:length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Both in bytes."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d+):(\d+)", str(value))
        if not found:
            self.fail(f"{value!r} is no range: write the first byte, a colon and the number of bytes, such as 0:1024")
        return int(found[1]), int(found[2])


def _meant(command: F) -> F:
    """Options that say which file is meant by a root."""
    seq = click.option("--sequence", "seq", type=click.IntRange(0), help="Sequence number of the file's submission.")
    wanted = click.option("--size", type=Bytes(), help="Bytes of the file as they are stored, as its upload told them.")
    return wanted(seq(command))


class UploadSettings(PaySettings, EncryptSettings):
    """What `zg storage upload` can be told."""


class DownloadSettings(ReadSettings, DecryptSettings):
    """What `zg storage download` can be told."""


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--replicas", default=1, show_default=True, help="How many times the network is to hold it.")
@click.option(
    "--tags", default="", help="Free bytes for readers of the log, as hex; submitted even if the data is known."
)
@click.option("--skip", multiple=True, metavar="NAME", help="Name that is left out of a directory, such as .git.")
@click.option(
    "--fragment-size", type=Bytes(), default="4GiB", show_default=True, help="Larger files are stored as several."
)
@click.option("--public-format", is_flag=True, help="Encrypt so that public clients can read it, unauthenticated.")
@click.option("--yes", is_flag=True, help="Pay without being asked.")
@with_settings(UploadSettings)
@with_json
def upload(
    path: Path,
    replicas: int,
    tags: str,
    skip: tuple[str, ...],
    fragment_size: int,
    public_format: bool,
    yes: bool,
    settings: UploadSettings,
    as_json: bool,
) -> None:
    """Upload the file or directory PATH and print its root and its size: keep both.

    The price is shown and asked for before anything is paid. After an interruption run the same command again: it goes
    on where it stopped and pays nothing twice. What the network has already costs nothing, unless --tags are given:
    they stand in a submission of their own.

    A file above --fragment-size is stored as several and has as many roots, printed in order and separated by commas:
    `zg storage download` takes them as they are.

    With --encryption-key-file, --encryption-password-file or --encrypt-to everything is encrypted before it leaves, the
    names in a directory too. `openssl rand -hex 32 > key` makes a key. Whoever loses it loses the file.
    """
    from offchain.storage.client.upload import UploadOptions

    encryption = settings.encryption(public_format)
    options = UploadOptions(replicas, _tags(tags), fragment=fragment_size, encryption=encryption)
    with bars(not as_json) as progress, settings.writer(progress) as client:
        quotes: list[Quote] = []

        def agree(quote: Quote) -> bool:
            quotes.append(quote)
            return yes or (not as_json and _asked(quote))

        if path.is_dir():
            uploaded = client.upload_directory(path, options, agree, frozenset(skip))
        else:
            uploaded = client.upload(path, options, agree)
    tell(_uploaded(uploaded, quotes, as_json), as_json)


@click.command()
@click.argument("roots", type=Roots(), metavar="ROOT[,ROOT…]")
@click.argument("destination", type=click.Path(path_type=Path, allow_dash=True))
@_meant
@click.option("--range", "part", type=Range(), help="Only these bytes; DESTINATION is then written as they come.")
@click.option("--raw", is_flag=True, help="Write what is stored: a directory's list, an encrypted file's ciphertext.")
@with_settings(DownloadSettings)
@with_json
def download(
    roots: tuple[bytes, ...],
    destination: Path,
    size: int | None,
    seq: int | None,
    part: tuple[int, int] | None,
    raw: bool,
    settings: DownloadSettings,
    as_json: bool,
) -> None:
    """Download ROOT to DESTINATION, a file or for directories a directory; "-" is standard output.

    Every segment is checked against the root; nodes that send something else are passed over. An interrupted download
    goes on when the same command is run again. A file of several fragments is named by all their roots, in order.

    A root does not commit to the size of its file: others may have announced the same with some zeros more or less at
    its end. Then the command lists them and ends; --size or --sequence say which one is meant.

    An encrypted file is decrypted when the key, the password or the private key that opens it is set; of a range, only
    the blocks that it touches.
    """
    to_stdout = str(destination) == "-"
    if to_stdout and as_json:
        raise BadSettings("--json and a download to standard output would mix: choose one of them")
    openers = () if raw else settings.openers()
    with bars(not as_json) as progress, settings.reader(progress) as client:
        if part or to_stdout:
            start, length = part or (0, None)
            pieces = client.stream(roots, start, length, openers, size=size, seq=seq)
            _write(pieces, None if to_stdout else destination)
        elif not raw and len(roots) == 1 and client.is_directory(roots, openers, size=size, seq=seq):
            client.download_directory(roots[0], destination, openers, size=size, seq=seq)
        else:
            client.download(roots, destination, openers, size=size, seq=seq)
        for problem in dict.fromkeys(client.problems):
            click.echo(f"passed over {problem}", err=True)
    if not to_stdout:
        tell({**_named(roots), "path": str(destination), "problems": client.problems}, as_json)


@click.command()
@click.argument("roots", type=Roots(), metavar="ROOT[,ROOT…]")
@_meant
@with_settings(DownloadSettings)
@with_json
def info(
    roots: tuple[bytes, ...], size: int | None, seq: int | None, settings: DownloadSettings, as_json: bool
) -> None:
    """Tell what the network knows of ROOT: its size, its place in the flow, the nodes that hold it.

    Of several fragments the place and the nodes are those of the first. Where several files have that root, they are
    listed, and --size or --sequence say which one is meant.
    """
    with settings.reader(lambda *_: None) as client:
        with client.open(roots, size=size, seq=seq) as reading:
            kind = _kind(client, reading, settings)
        holders = client.holders(roots[0], size=reading.stored.layout[0].size, seq=seq)
        known = holders[0].info
        tell(
            {
                **_named(roots),
                "kind": kind,
                "size": reading.size,
                "sequence": known.seq,
                "first sector": known.start,
                "sectors": known.submission.sectors,
                "nodes": [holder.node.url for holder in holders],
            },
            as_json,
        )


def _kind(client: StorageClient, reading: Reading, settings: DownloadSettings) -> str:
    """What a file is, as far as its beginning tells."""
    from offchain.protocol.directory import is_directory
    from offchain.protocol.encryption_header import MAX_HEAD_BYTES, needed_by

    head = reading.read(0, MAX_HEAD_BYTES)
    if needed := needed_by(head):
        openers = settings.openers()
        roots = reading.stored.roots
        inside = "directory" if openers and client.is_directory(roots, openers, size=reading.size) else "file"
        return f"encrypted {inside}, read with {needed}"
    return "directory" if is_directory(head) else "file"


def _named(roots: tuple[bytes, ...]) -> dict[str, object]:
    """A file by its root, or by those of its fragments as `download` takes them."""
    names = ["0x" + root.hex() for root in roots]
    return {"root": names[0]} if len(names) == 1 else {"roots": ",".join(names)}


def _tags(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise BadSettings(f"{text!r} are no tags: write bytes as hexadecimal digits") from error


def _asked(quote: Quote) -> bool:
    click.echo(
        f"{quote.files} file(s), {quote.sectors} sectors of 256 bytes at {quote.price_per_sector} wei: "
        f"{coins(quote.fee)}, and at most {coins(quote.gas)} for gas",
        err=True,
    )
    try:
        return click.confirm("Pay this?", default=False, err=True)
    except click.Abort:
        click.echo(err=True)  # behind the question: nobody is there to answer, or Ctrl-C was the answer
        return False


def _uploaded(uploaded: Uploaded, quotes: list[Quote], as_json: bool) -> dict[str, object]:
    fee = sum(quote.fee for quote in quotes)
    fragments = uploaded.fragments
    sequences = [fragment.seq for fragment in fragments]
    paid = list(dict.fromkeys(fragment.transaction_hash for fragment in fragments if fragment.transaction_hash))
    is_one = len(fragments) == 1
    return {
        **_named(uploaded.roots),
        "size": uploaded.size if as_json else f"{uploaded.size} bytes ({size(uploaded.size)})",
        "sequence": sequences[0] if is_one else sequences,
        "transaction": (paid[0] if paid else None) if is_one else paid,
        "fee": fee if as_json else coins(fee) if fee else "nothing: the network has it already",
        "nodes": list(uploaded.nodes),
    }


def _write(pieces: Iterator[memoryview], path: Path | None) -> None:
    first = next(pieces, memoryview(b""))  # before the file is opened: when nobody has it, what was there stays
    try:
        with path.open("wb") if path else nullcontext(sys.stdout.buffer) as target:
            for piece in chain((first,), pieces):
                target.write(piece)
            target.flush()
    except OSError as error:
        if path is None:
            raise
        raise Invalid(f"{path} cannot be written: {error.strerror}") from error
