"""The storage client for Python programs.

    from offchain.storage.client.api import StorageClient

    with StorageClient(indexer="http://127.0.0.1:12345") as client:
        client.download(root, Path("copy.bin"))

    account = Account.from_environment()
    with StorageClient(indexer=..., rpc="http://127.0.0.1:8545", account=account, flow="0x…") as client:
        uploaded = client.upload(Path("data.bin"))
        print(uploaded.root.hex(), uploaded.seq)

Everything that is downloaded is verified against the root. An upload that failed or was interrupted is continued by
calling it again: nothing is paid twice, and no node gets again what it has. A file above the size of a fragment has
several roots; wherever a root is asked for, a sequence of them will do. Methods raise subclasses of
`offchain.errors.ZgError`.

A root does not commit to the size of its file: anybody may announce the same with some zeros more or less at its end.
Keep root and size of what you upload, and ask with `size=uploaded.size`, the bytes as they are stored, or with
`seq=uploaded.seq`. Without either, a root that is that of several files raises `Ambiguous`, which lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from offchain.chain.account import Account
from offchain.chain.client import ChainClient
from offchain.chain.sender import SendPolicy
from offchain.errors import BadSettings, Invalid, NotFound
from offchain.protocol.directory import HEAD_BYTES, Directory, File, decode, encode, is_directory
from offchain.protocol.encryption import Opener
from offchain.protocol.encryption_header import MAX_HEAD_BYTES, cipher_of
from offchain.storage.client.choice import Ambiguous, Which
from offchain.storage.client.directory import is_there, lay_links, lay_out, scan, with_roots
from offchain.storage.client.download import Download
from offchain.storage.client.joined import Joined
from offchain.storage.client.network import Holder, Network
from offchain.storage.client.packing import Packer
from offchain.storage.client.payment import Agree
from offchain.storage.client.progress import Counter, Progress, silent
from offchain.storage.client.reading import Reading
from offchain.storage.client.seeds import seeds_in
from offchain.storage.client.sink import save
from offchain.storage.client.source import Stream
from offchain.storage.client.upload import Uploaded, Uploader, UploadOptions
from offchain.storage.client.wallet import Wallet, default_state
from offchain.storage.wire import from_hex

MAX_DIRECTORY = 256 << 20
"""Bytes of a directory's list that are read into memory."""

Root = bytes | str
"""32 bytes, or hexadecimal digits as `zg` prints them."""

Roots = Root | Sequence[Root]
"""The root of a file, or the roots of its fragments in order."""

Place = Path | str
"""Where something lies on disk."""


def agree_to_all(_: object) -> bool:
    """Pay whatever it costs."""
    return True


class StorageClient:
    """Files and directories in one network. Reading needs nodes or an indexer; writing also an RPC and an account."""

    def __init__(
        self,
        nodes: Sequence[str] = (),
        indexer: str | None = None,
        rpc: str | None = None,
        account: Account | None = None,
        *,
        flow: str | None = None,
        state: Path | None = None,
        policy: SendPolicy | None = None,
        progress: Progress = silent,
        frames: bool = True,
    ) -> None:
        """`flow` is the only contract that is paid; `state` holds journals of payments; `policy` bounds gas prices.

        Without `frames` only the public RPC is spoken, also to nodes that know better.
        """
        self._network = Network(nodes, indexer, frames=frames)
        self._progress = progress
        self._rpc = rpc
        self._account = account
        self._flow = flow
        self._state = state or default_state()
        self._policy = policy
        self.problems: list[str] = []
        """What went wrong with single nodes during downloads, and was overcome."""

    def upload(
        self, source: Place | bytes, options: UploadOptions | None = None, agree: Agree = agree_to_all
    ) -> Uploaded:
        """Upload a file or bytes. `agree` is shown the price first, unless nothing has to be paid.

        Without `agree` any price is paid. A file above `options.fragment` bytes has several `roots` and no `root`.
        """
        stream = Stream.of_bytes(source) if isinstance(source, bytes) else Stream.of_path(Path(source))
        chosen = options or UploadOptions()
        uploader = self._uploader()
        with self._packer(chosen, stream.size) as packer:
            uploaded = uploader.upload(packer.pack(stream), chosen, agree)
            packer.uploaded(chosen.wait_finalized)
        return uploaded

    def upload_directory(
        self,
        top: Place,
        options: UploadOptions | None = None,
        agree: Agree = agree_to_all,
        skip: frozenset[str] = frozenset(),
    ) -> Uploaded:
        """Upload a directory, but for names in `skip`; root and size of the result are those of its list."""
        chosen = options or UploadOptions()
        uploader = self._uploader()
        scanned = scan(Path(top), skip)
        with self._packer(chosen, sum(stream.size for stream in scanned.files.values())) as packer:
            packed = {place: packer.pack(stream) for place, stream in scanned.files.items()}
            roots = {place: tuple(source.root for source in sources) for place, sources in packed.items()}
            listing = Stream.of_bytes(_listing(with_roots(scanned.directory, roots)), f"the list of {top}")
            sources = [source for fragments in packed.values() for source in fragments]
            uploaded = uploader.upload([*sources, *packer.pack(listing, whole=True)], chosen, agree)
            packer.uploaded(chosen.wait_finalized)
        return replace(uploaded, fragments=uploaded.fragments[-1:])

    @contextmanager
    def open(
        self, root: Roots, openers: Iterable[Opener] = (), *, size: int | None = None, seq: int | None = None
    ) -> Iterator[Reading]:
        """The content of a file, to read parts of it again and again; what was overcome is told in the end.

        `size`, in bytes as they are stored, or `seq` say which file is meant where several have the root.
        """
        stored = self._stored(root, Which(size, seq))
        try:
            yield Reading.of(stored, openers)
        finally:
            self.problems += stored.problems

    def download(
        self,
        root: Roots,
        path: Place,
        openers: Iterable[Opener] = (),
        *,
        size: int | None = None,
        seq: int | None = None,
    ) -> None:
        """Write a file to `path`, which appears whole or not at all; continues an interrupted download.

        With `openers` the file is decrypted; Invalid when it is not encrypted, or none of them fits. Of a directory the
        list is written: `download_directory` writes what is in it.
        """
        with self.open(root, openers, size=size, seq=seq) as reading:
            save(reading, Path(path))

    def download_directory(
        self,
        root: Root,
        top: Place,
        openers: Iterable[Opener] = (),
        *,
        size: int | None = None,
        seq: int | None = None,
    ) -> None:
        """Write the directory `root` below `top`; files that are there with the right content are kept."""
        given = tuple(openers)
        directory = self.directory(root, given, size=size, seq=seq)
        for path, file in lay_out(directory, Path(top)):
            if given or not is_there(path, file):
                self._save(file, path, given)
        lay_links(directory, Path(top))

    def directory(
        self, root: Root, openers: Iterable[Opener] = (), *, size: int | None = None, seq: int | None = None
    ) -> Directory:
        """What is in the directory `root`; Invalid when it is none."""
        with self.open(root, openers, size=size, seq=seq) as reading:
            if reading.size > MAX_DIRECTORY:
                raise Invalid(f"0x{reading.stored.roots[0].hex()} has {reading.size} bytes: too many for a directory")
            return decode(reading.read(0, reading.size))

    def is_directory(
        self, root: Roots, openers: Iterable[Opener] = (), *, size: int | None = None, seq: int | None = None
    ) -> bool:
        """Whether `root` is a directory."""
        return is_directory(self.read(root, 0, HEAD_BYTES, openers, size=size, seq=seq))

    def read(
        self,
        root: Roots,
        start: int,
        length: int,
        openers: Iterable[Opener] = (),
        *,
        size: int | None = None,
        seq: int | None = None,
    ) -> bytes:
        """`length` bytes of a file from byte `start`; less at its end. Only the segments they are in are fetched."""
        with self.open(root, openers, size=size, seq=seq) as reading:
            return reading.read(start, length)

    def stream(
        self,
        root: Roots,
        start: int = 0,
        length: int | None = None,
        openers: Iterable[Opener] = (),
        *,
        size: int | None = None,
        seq: int | None = None,
    ) -> Iterator[memoryview]:
        """`length` bytes of a file from byte `start`, all by default, piece by piece, with bounded memory."""
        with self.open(root, openers, size=size, seq=seq) as reading:
            yield from reading.stream(start, length)

    def size(
        self, root: Roots, openers: Iterable[Opener] = (), *, size: int | None = None, seq: int | None = None
    ) -> int:
        """Bytes of a file, decrypted if there are `openers`."""
        with self.open(root, openers, size=size, seq=seq) as reading:
            return reading.size

    def holders(self, root: Root, *, size: int | None = None, seq: int | None = None) -> list[Holder]:
        """Nodes that hold all of `root`, and what they say of it; NotFound when there are none."""
        return self._network.holders(_root(root), Which(size, seq))

    def close(self) -> None:
        """Close all connections."""
        self._network.close()

    def __enter__(self) -> Self:
        """The client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _stored(self, root: Roots, which: Which) -> Joined:
        """A file as it is stored."""
        roots = (_root(root),) if isinstance(root, bytes | str) else tuple(map(_root, root))
        if which.seq is not None and len(roots) > 1:
            raise Invalid("a sequence number is that of one fragment: name a file of several by the size of the whole")

        def found(each: bytes, size: int | None) -> Download:
            return Download.of(self._network, each, which=Which(size, which.seq))

        return Joined(roots, found, self._progress, size=which.size)

    def _save(self, file: File, path: Path, openers: tuple[Opener, ...]) -> None:
        """Write a file of a directory, whose list says which one is meant where several have its root."""
        try:
            self._fetch(file, path, openers, None if openers else file.size)
        except Ambiguous as ambiguous:
            self._fetch(file, path, openers, self._stored_size(file, openers, ambiguous))
        except NotFound as error:
            raise NotFound(f"{path}: {error}") from error

    def _fetch(self, file: File, path: Path, openers: tuple[Opener, ...], size: int | None) -> None:
        with self.open(file.roots, openers, size=size) as reading:
            if reading.size != file.size:
                raise Invalid(f"{path} has {file.size} bytes in its directory, and {reading.size} in the network")
            if not _holds(path, reading):
                save(reading, path)

    def _stored_size(self, file: File, openers: tuple[Opener, ...], ambiguous: Ambiguous) -> int:
        """Bytes that an encrypted file of a directory takes in the network; `ambiguous` when no node helps to tell."""
        root = file.roots[0]
        sizes = [each.size for each in ambiguous.files] if ambiguous.root == root else [None]
        for size in reversed(sizes):
            # Whichever it is, all files with a root begin with the same bytes, and these tell what encryption adds.
            with suppress(NotFound):
                head = Download.of(self._network, root, which=Which(size)).read(0, MAX_HEAD_BYTES)
                return cipher_of(head, openers).stored_size(file.size)
        raise ambiguous

    @contextmanager
    def _packer(self, options: UploadOptions, size: int) -> Iterator[Packer]:
        """What packs `size` bytes as the options say."""
        encryption = options.encryption
        with ExitStack() as stack:
            seeds = stack.enter_context(seeds_in(self._state / "encryption")) if encryption else None
            counter = Counter(self._progress, "hash", 2 * size if encryption else size)
            yield Packer(options.fragment, encryption, seeds, counter)

    def _uploader(self) -> Uploader:
        if self._rpc is None or self._account is None:
            raise BadSettings("uploading needs the RPC of a chain and an account that pays")
        if self._flow is None:
            raise BadSettings("uploading needs the address of Flow: nodes must not choose who is paid")
        wallet = Wallet(ChainClient(self._rpc), self._account, self._state, self._flow, self._policy)
        return Uploader(self._network, wallet.open, self._progress)


def _root(root: Root) -> bytes:
    """A root as bytes; Invalid for what is none."""
    try:
        return from_hex(root if isinstance(root, str) else root.hex())
    except ValueError as error:
        raise Invalid(f"{root!r} is no root: a root has 32 bytes") from error


def _listing(directory: Directory) -> bytes:
    """The blob of a directory; Invalid, before anything is paid, for one that could not be read back."""
    blob = encode(directory)
    if len(blob) > MAX_DIRECTORY:
        raise Invalid(f"this directory has too many entries: their list has {len(blob)} bytes")
    decode(blob)
    return blob


def _holds(path: Path, reading: Reading) -> bool:
    """Whether the file at `path` is what would be downloaded."""
    if not path.is_file() or path.stat().st_size != reading.size:
        return False
    with path.open("rb") as file:
        return reading.is_content_of(file.fileno())
