"""Which file a request means, what the nodes say of it, and which of them can serve it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from offchain.errors import Invalid
from offchain.protocol.shards import select
from offchain.storage.client.choice import ONLY, Ambiguous, Which
from offchain.storage.client.network import Holder, complete_ones
from offchain.storage.indexer.fleet import Fleet
from offchain.storage.indexer.refusals import NOT_FINALIZED, NOT_FOUND, PRUNED, refusal, wrong
from offchain.storage.wire import FileInfo, from_hex

MAX_SEQ = 1 << 64


@dataclass(frozen=True, slots=True)
class Cid:
    """A file by the number of its submission or, without one, by the roots of its fragments; and by its `size`.

    The size, in bytes of the whole as they are stored, tells files apart that have the same root.
    """

    seq: int | None
    roots: tuple[bytes, ...] = ()
    size: int | None = None

    @classmethod
    def parse(cls, text: str, size: str | None = None) -> Cid:
        """Of a path: a decimal number, or roots separated by commas; RestError for anything else, or no `size`."""
        stripped, bytes_ = text.strip(), _count(size.strip()) if size else None
        if size and bytes_ is None:
            raise wrong(f"size is a number of bytes, not {size[:80]!r}")
        seq = _count(stripped)
        if seq is not None:
            return cls(seq, size=bytes_)
        try:
            return cls(None, tuple(from_hex(root) for root in stripped.split(",")), bytes_)
        except ValueError as error:
            raise wrong(f"{text[:80]!r} is neither a sequence number nor a root") from error


class Lookup:
    """Asks the healthy nodes of a fleet; blocks."""

    def __init__(self, fleet: Fleet) -> None:
        """The fleet is looked at by others."""
        self._fleet = fleet

    def info(self, cid: Cid) -> FileInfo | None:
        """What all nodes together say of a file: finalized when each that knows it has it complete.

        By root alone, what is complete counts first; Ambiguous when that is files of several sizes.
        """
        infos = [holder.info for holder in self.told(cid)]
        if not infos:
            return None
        if cid.seq is None:
            complete = [info for info in infos if info.finalized]
            if len({info.size for info in complete}) > 1:
                raise Ambiguous(self._only(cid.roots), complete)
            infos = [info for info in infos if info.size == (complete or infos)[0].size]
        return replace(
            infos[0],
            finalized=all(info.finalized for info in infos),
            is_cached=all(info.is_cached for info in infos),
            pruned=any(info.pruned for info in infos),
            uploaded=min(info.uploaded for info in infos),
        )

    def told(self, cid: Cid) -> list[Holder]:
        """Each node that knows a file, and what it says of it."""
        which = Which(cid.size, cid.seq)
        if cid.seq is not None:
            seq = cid.seq
            told = self._fleet.told(lambda client: client.file_by_seq(seq))
        elif cid.size is not None:
            told = self._fleet.files(self._only(cid.roots), which)
        else:
            root = self._only(cid.roots)
            told = self._fleet.told(lambda client: client.file(root, need_available=True))
        return [holder for holder in told if which.means(holder.info)]

    def roots(self, cid: Cid) -> tuple[bytes, ...]:
        """The roots of a file's fragments; RestError when it is unknown."""
        if cid.seq is None:
            return cid.roots
        told = self.told(cid)
        if not told:
            raise refusal(NOT_FOUND)
        if len({holder.info.root for holder in told}) > 1:
            raise Invalid(f"the nodes disagree about submission {cid.seq}: it was announced a moment ago, try again")
        return (told[0].info.root,)

    def holders(self, root: bytes, which: Which = ONLY) -> list[Holder]:
        """Nodes that together hold all of a file; RestError when there are none, or not enough.

        Ambiguous when several files with that root are all there and it is not said which one is meant. What was only
        announced does not count: anybody can announce a file and never upload it, and so would break every link to
        another one with its root.
        """
        told = [holder for holder in self._fleet.files(root, which) if which.means(holder.info)]
        complete = complete_ones(root, _present(told), which)
        if complete:
            return complete
        if not told:
            raise refusal(NOT_FOUND)
        raise refusal(PRUNED if all(holder.info.pruned for holder in told) else NOT_FINALIZED)

    def _only(self, roots: Sequence[bytes]) -> bytes:
        if len(roots) != 1:
            raise wrong("one root at a time: each fragment is a file of its own")
        return roots[0]


def _present(told: Iterable[Holder]) -> list[Holder]:
    """Those of `told` that have a file of which, by its size, nodes together hold everything."""
    by_size = defaultdict[int, list[Holder]](list)
    for holder in told:
        if holder.info.finalized:
            by_size[holder.info.size].append(holder)
    return [holder for holders in by_size.values() if _cover(holders) for holder in holders]


def _cover(holders: Sequence[Holder]) -> bool:
    return select([(holder.node.url, holder.node.shard) for holder in holders], 1) is not None


def _count(text: str) -> int | None:
    """A number as paths and queries have it; None for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) and int(text) < MAX_SEQ else None
