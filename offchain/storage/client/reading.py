"""A stored file as its owner knows it: fragments joined, decrypted where it is encrypted, whole or in part."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace

from offchain.errors import Invalid
from offchain.protocol.encryption import BLOCK_BYTES, Cipher, NoCipher, Opener
from offchain.protocol.encryption_header import MAX_HEAD_BYTES, cipher_of
from offchain.storage.client.download import Piece
from offchain.storage.client.joined import Joined
from offchain.storage.client.source import Stream, fragment_tree


class Reading:
    """The content of a file. Its pieces are those of the stored file, decrypted."""

    def __init__(self, stored: Joined, cipher: Cipher) -> None:
        """Invalid when `stored` cannot be what `cipher` made."""
        if len(stored.roots) > 1 and not cipher.takes_any_piece and stored.layout.fragment % BLOCK_BYTES:
            raise Invalid("this encrypted file was cut inside of a block: it cannot be read in these fragments")
        self.stored = stored
        self.cipher = cipher
        self.size = cipher.plain_size(stored.size)

    @classmethod
    def of(cls, stored: Joined, openers: Iterable[Opener] = ()) -> Reading:
        """The content of `stored`, which is encrypted if there are `openers`; Invalid when none of them opens it."""
        given = tuple(openers)
        if not given:
            return cls(stored, NoCipher())
        plain = cls(stored, NoCipher())
        return cls(stored, cipher_of(plain.read(0, MAX_HEAD_BYTES), given))

    @property
    def count(self) -> int:
        """Number of pieces."""
        return self.stored.count

    @property
    def problems(self) -> list[str]:
        """What went wrong and was overcome, in words."""
        return self.stored.problems

    def pieces(self, wanted: Sequence[int] | None = None) -> Iterator[Piece]:
        """The pieces `wanted`, all by default, in order; NotFound when no node has one, Invalid when one was forged."""
        indices = range(self.count) if wanted is None else wanted
        total = sum(self.stored.span(index)[1] for index in indices)
        return self.stored.pieces(indices, total, self._decrypted)

    def stream(self, start: int = 0, length: int | None = None) -> Generator[memoryview, None, None]:
        """`length` bytes from byte `start`, all by default, in order; only the pieces they are in are fetched."""
        end = self.size if length is None else min(start + length, self.size)
        if start < 0 or start >= end:
            return
        wanted = range(self._piece_with(start), self._piece_with(end - 1) + 1)
        for piece in self.pieces(wanted):
            yield piece.data[max(start - piece.start, 0) : end - piece.start]

    def read(self, start: int, length: int) -> bytes:
        """`length` bytes from byte `start`; less at the end of the file."""
        return b"".join(self.stream(start, length))

    def is_content_of(self, descriptor: int) -> bool:
        """Whether an open file of the right size is, stored like this one, what the roots commit to."""
        content = Stream.of_descriptor(descriptor, self.size).encrypted(self.cipher)
        fragments = zip(self.stored.layout, self.stored.roots, strict=True)
        return all(fragment_tree(content, fragment).root == root for fragment, root in fragments)

    def _piece_with(self, position: int) -> int:
        return self.stored.piece_at(self.cipher.stored_position(position))

    def _decrypted(self, piece: Piece) -> Piece:
        if not self.cipher.head:
            return piece
        is_end = piece.start + len(piece.data) == self.stored.size
        data = self.cipher.decrypt(piece.start, piece.data, is_end)
        return replace(piece, start=self.cipher.plain_position(piece.start), data=memoryview(data))
