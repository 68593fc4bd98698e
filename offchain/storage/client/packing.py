"""From files to what is uploaded: hashed, encrypted where that is wanted, cut into fragments."""

from __future__ import annotations

from offchain.errors import Invalid
from offchain.protocol.encryption import BLOCK_BYTES, Cipher
from offchain.protocol.fragments import fragment_size
from offchain.storage.client.progress import Counter
from offchain.storage.client.seeds import Encryption, Seeds
from offchain.storage.client.source import Source, Stream, Trees, cut


class Packer:
    """Packs the files of one upload."""

    def __init__(self, fragment: int, encryption: Encryption | None, seeds: Seeds | None, counter: Counter) -> None:
        """`counter` adds up the bytes that are hashed; Invalid for fragments that encryption cannot have."""
        self._fragment = fragment_size(fragment)
        self._encryption = encryption
        self._seeds = seeds
        self._counter = counter
        self._ciphers: list[Cipher] = []
        self._trees = Trees()
        self._plain_trees = Trees()  # apart: while a tree of the others is made, these are asked for
        if encryption and not encryption.public and self._fragment % BLOCK_BYTES:
            raise Invalid(f"fragments of encrypted files have at least {BLOCK_BYTES} bytes, not {self._fragment}")

    def pack(self, stream: Stream, whole: bool = False) -> list[Source]:
        """The fragments of a file, or the only one if it must stay `whole`; Invalid when it is empty."""
        stored = self._stored(stream)
        return cut(stored, stored.size if whole else self._fragment, self._meter(), self._trees)

    def uploaded(self, for_good: bool) -> None:
        """Everything that was packed was sent; the network has it `for_good` once the nodes have said so."""
        if for_good and self._seeds and self._encryption:
            for cipher in self._ciphers:
                self._seeds.stored(cipher, self._encryption)

    def _stored(self, stream: Stream) -> Stream:
        if not self._encryption or not self._seeds or not stream.size:
            return stream
        (plain,) = cut(stream, stream.size, self._meter(), self._plain_trees)
        cipher = self._seeds.cipher(plain.root, stream.size, self._encryption)
        self._ciphers.append(cipher)
        # Keys and nonces follow from the seed of this root: no other content may ever be encrypted with them.
        return plain.verified().encrypted(cipher)

    def _meter(self) -> Meter:
        return Meter(self._counter)


class Meter:
    """Tells a counter of what is done, out of a growing sum."""

    def __init__(self, counter: Counter) -> None:
        """Nothing is done yet."""
        self._counter = counter
        self._done = 0

    def __call__(self, done: int) -> None:
        """`done` bytes of one stream are done by now."""
        self._counter.add(done - self._done)
        self._done = done
