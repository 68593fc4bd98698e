"""The fragments of a large file as one: read in order or in part, each segment verified against its fragment's root."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from offchain.errors import Invalid, NotFound
from offchain.protocol.fragments import Layout, joined, layout_of
from offchain.protocol.sectors import SEGMENT_BYTES, segment_count
from offchain.storage.client.ahead import ahead
from offchain.storage.client.download import RUN_SEGMENTS, THREADS, Download, Piece
from offchain.storage.client.progress import Counter, Progress, silent

Open = Callable[[bytes, int | None], Download]
"""Finds the nodes that hold a fragment, by its root and, where that is known, its size."""

Change = Callable[[Piece], Piece]
Run = tuple[int, int, list[int]]
"""Number of the run, the fragment it is of, segments counted within that."""


class Joined:
    """A file of one or more fragments. Its pieces are the segments of all fragments, numbered from the first on."""

    def __init__(
        self,
        roots: Sequence[bytes],
        open_: Open,
        progress: Progress = silent,
        threads: int = THREADS,
        run: int = RUN_SEGMENTS,
        size: int | None = None,
    ) -> None:
        """Asks for the first and the last fragment; the others are looked for when something of them is wanted.

        While it is read, `threads` runs of `run` segments are fetched ahead of the reader. With `size`, in bytes of
        the whole, only fragments of the right sizes are taken; without, nodes tell the sizes of those two.
        """
        if not roots:
            raise Invalid("a file has at least one root")
        self.roots = tuple(roots)
        self._open = open_
        self._progress = progress
        self._threads = threads
        self._run_segments = run
        self._lock = threading.Lock()
        self._opened: dict[int, Download] = {}
        if size is None:
            first, last = self._ask(0, None), self._ask(len(roots) - 1, None)
            self.layout: Layout = joined(first.size, last.size, len(roots))
        else:
            self.layout = layout_of(size, len(roots))
            for number in (0, len(roots) - 1):
                self._fragment(number)
        self._segments = segment_count(self.layout.fragment)  # of each fragment but the last

    @property
    def size(self) -> int:
        """Bytes of all fragments."""
        return self.layout.size

    @property
    def count(self) -> int:
        """Number of pieces."""
        return self._segments * (len(self.roots) - 1) + segment_count(self.layout[len(self.roots) - 1].size)

    @property
    def problems(self) -> list[str]:
        """What went wrong and was overcome, in words."""
        with self._lock:
            return [problem for download in self._opened.values() for problem in download.problems]

    def span(self, index: int) -> tuple[int, int]:
        """First byte and length of piece `index`."""
        number, segment = divmod(index, self._segments)
        fragment = self.layout[number]
        at = segment * SEGMENT_BYTES
        return fragment.start + at, min(SEGMENT_BYTES, fragment.size - at)

    def piece_at(self, position: int) -> int:
        """The piece that byte `position` is in."""
        number, within = divmod(position, self.layout.fragment)
        return number * self._segments + within // SEGMENT_BYTES

    def pieces(self, wanted: Iterable[int], total: int, change: Change) -> Iterator[Piece]:
        """The pieces `wanted`, in order, of `total` bytes; each is passed through `change` on the thread that got it.

        NotFound when no node that can be trusted has one. A few runs are fetched ahead, however slow the reader is.
        """
        counter = Counter(self._progress, "download", total)
        for pieces in ahead(lambda run: self._run(run, change), self._runs(wanted), self._threads):
            for piece in pieces:
                counter.add(self.span(piece.index)[1])
                yield piece

    def _runs(self, wanted: Iterable[int]) -> Iterator[Run]:
        count = 0
        for fragment, indices in groupby(wanted, lambda index: index // self._segments):
            run = list[int]()
            for index in indices:
                run.append(index % self._segments)
                if len(run) == self._run_segments:
                    yield count, fragment, run
                    count, run = count + 1, []
            if run:
                yield count, fragment, run
                count += 1

    def _run(self, run: Run, change: Change) -> list[Piece]:
        number, fragment, indices = run
        base, start = fragment * self._segments, self.layout[fragment].start
        found = self._fragment(fragment).run(number, indices)
        return [change(Piece(base + piece.index, start + piece.start, piece.data)) for piece in found]

    def _fragment(self, number: int) -> Download:
        size = self.layout[number].size
        try:
            download = self._ask(number, size)
        except NotFound as error:
            if len(self.roots) == 1:
                raise
            raise NotFound(f"fragment {number}: {error}\nare these the roots of one file, in order?") from error
        if download.size != size:
            raise Invalid(
                f"fragment {number} has {download.size} bytes, not {size}: these roots are not the fragments of one "
                "file, or not in order"
            )
        return download

    def _ask(self, number: int, size: int | None) -> Download:
        with self._lock:
            known = self._opened.get(number)
        if known is None:
            download = self._open(self.roots[number], size)
            with self._lock:
                known = self._opened.setdefault(number, download)
        return known
