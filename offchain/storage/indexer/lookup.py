"""Which file a request means, what the nodes say of it, and which of them can serve it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from offchain.errors import Invalid
from offchain.protocol.shards import select
from offchain.storage.client.choice import ONLY, Which
from offchain.storage.client.network import Holder, complete_ones
from offchain.storage.indexer.fleet import Fleet
from offchain.storage.indexer.refusals import NOT_FINALIZED, NOT_FOUND, PRUNED, refusal, wrong
from offchain.storage.wire import FileInfo, from_hex

MAX_SEQ = 1 << 64


@dataclass(frozen=True, slots=True)
class Cid:
    """A file by the number of its submission or, without one, by the roots of its fragments."""

    seq: int | None
    roots: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Of a path: a decimal number, or roots separated by commas; RestError for anything else."""
        stripped = text.strip()
        if re.fullmatch(r"[0-9]{1,20}", stripped) and int(stripped) < MAX_SEQ:
            return cls(int(stripped))
        try:
            return cls(None, tuple(from_hex(root) for root in stripped.split(",")))
        except ValueError as error:
            raise wrong(f"{text[:80]!r} is neither a sequence number nor a root") from error


class Lookup:
    """Asks the healthy nodes of a fleet; blocks."""

    def __init__(self, fleet: Fleet) -> None:
        """The fleet is looked at by others."""
        self._fleet = fleet

    def info(self, cid: Cid) -> FileInfo | None:
        """What all nodes together say of a file: finalized when each that knows it has it complete."""
        infos = [holder.info for holder in self.told(cid)]
        if not infos:
            return None
        return replace(
            infos[0],
            finalized=all(info.finalized for info in infos),
            is_cached=all(info.is_cached for info in infos),
            pruned=any(info.pruned for info in infos),
            uploaded=min(info.uploaded for info in infos),
        )

    def told(self, cid: Cid) -> list[Holder]:
        """Each node that knows a file, and what it says of it."""
        if cid.seq is not None:
            seq = cid.seq
            return self._fleet.told(lambda client: client.file_by_seq(seq))
        root = self._only(cid.roots)
        return self._fleet.told(lambda client: client.file(root, need_available=True))

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

        Ambiguous when several files have that root and it is not said which one is meant.
        """
        told = self._fleet.files(root, which)
        complete = complete_ones(root, told, which)
        covering = select([(holder.node.url, holder.node.shard) for holder in complete], 1)
        if covering:
            return complete
        if not told:
            raise refusal(NOT_FOUND)
        raise refusal(PRUNED if all(holder.info.pruned for holder in told) else NOT_FINALIZED)

    def _only(self, roots: Sequence[bytes]) -> bytes:
        if len(roots) != 1:
            raise wrong("one root at a time: each fragment is a file of its own")
        return roots[0]
