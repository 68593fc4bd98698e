"""The REST interface of the indexer, as the public gateways have it.

GET  /file?root=|txSeq=&size=&name=    a file, whole or in part
GET  /file/{cid}/{path}?size=          a file in a directory, or what a directory holds
GET  /file/info/{cid}?size=            what the nodes say of a file
GET  /files/info?cid=&cid=             the same of up to 100, with as many sizes or none
GET  /node/status                      how far the nodes have come
POST /file/segment                     a segment with its proof, for the nodes

A cid is a sequence number or a root, or the roots of all fragments separated by commas. `size` tells files apart that
have the same root.
"""

from __future__ import annotations

from typing import Any

from offchain.net.remote import asker
from offchain.net.rest import File as Sent
from offchain.net.rest import RestCall, RestExchange
from offchain.net.shares import Shares
from offchain.protocol.directory import Directory, File, Link
from offchain.runtime.threads import in_thread
from offchain.storage.client.network import gathered
from offchain.storage.client.node import NodeStatus
from offchain.storage.indexer.fleet import Fleet
from offchain.storage.indexer.gateway import Gateway
from offchain.storage.indexer.lookup import Cid, Lookup
from offchain.storage.indexer.refusals import NOT_FOUND, refusal, wrong
from offchain.storage.indexer.segment_upload import Received, forward
from offchain.storage.wire import FileInfo, info_to_json

MAX_CIDS = 100  # as the public gateways take them
CIDS_AT_ONCE = 2  # of one list; each of them asks many nodes at once
LISTS = 4  # that are worked on at once, one for each remote address
LINE = 4  # times as many may wait for their turn
WAIT_SECONDS = 20.0


class RestApi:
    """Answers from the fleet and, for content, from the gateway."""

    def __init__(self, fleet: Fleet, lookup: Lookup, gateway: Gateway, max_body: int) -> None:
        """`max_body` in bytes of a request."""
        self._fleet = fleet
        self._lookup = lookup
        self._gateway = gateway
        self._max_body = max_body
        self._lists = Shares("too many lists of files at once", LISTS, 1, LINE * LISTS)

    @property
    def routes(self) -> list[tuple[str, str, RestExchange]]:
        """Method, path, handler; the first that fits answers."""
        return [
            ("GET", "/file", self.file),
            ("HEAD", "/file", self.file),
            ("POST", "/file/segment", self.segment),
            ("GET", "/file/info/{cid}", self.info),
            ("GET", "/files/info", self.infos),
            ("GET", "/node/status", self.status),
            ("GET", "/file/{cid}/{path:.*}", self.entry),
            ("HEAD", "/file/{cid}/{path:.*}", self.entry),
        ]

    async def file(self, call: RestCall) -> Sent:
        """A file, saved as `name` or as its root."""
        seq, root = call.one("txSeq"), call.one("root")
        if not seq and not root:
            raise wrong("Either 'root' or 'txSeq' must be provided")
        if seq and not seq.isdecimal():
            raise wrong(f"txSeq is a number, not {seq[:80]!r}")
        return await self._gateway.file(Cid.parse(seq or root or "", call.one("size")), call.one("name"))

    async def entry(self, call: RestCall) -> Any:
        """A file in a directory; of a directory its entries, of a link where it leads."""
        entry = await self._gateway.entry(_cid(call), call.path["path"])
        if isinstance(entry, Directory):
            return [_shown(each) for each in entry.entries]
        return _shown(entry) if isinstance(entry, Link) else entry

    async def info(self, call: RestCall) -> dict[str, Any]:
        """What the nodes say of a file."""
        found = await in_thread(self._lookup.info, _cid(call))
        if found is None:
            raise refusal(NOT_FOUND)
        return info_to_json(found)

    async def infos(self, call: RestCall) -> list[dict[str, Any] | None]:
        """What the nodes say of several files; null for one that nobody knows. Busy when too many want to know."""
        texts = call.query.get("cid", ())
        if not texts:
            raise wrong("No cid specified")
        if len(texts) > MAX_CIDS:
            raise wrong(f"Too many cid specified, exceeded {MAX_CIDS}")
        sizes = call.query.get("size") or [""] * len(texts)
        if len(sizes) != len(texts):
            raise wrong("Either one size for each cid or none must be provided")
        cids = [Cid.parse(text, size) for text, size in zip(texts, sizes, strict=True)]
        found = await self._infos(list(dict.fromkeys(cids)))
        return [_json(found[cid]) for cid in cids]

    async def status(self, _: RestCall) -> dict[str, Any] | None:
        """How far all healthy nodes have come at least."""
        statuses = [member.status for member in self._fleet.healthy() if member.status]
        return _merged(statuses) if statuses else None

    async def segment(self, call: RestCall) -> str:
        """Take a segment and pass it on."""
        received = Received.parse(await call.body(self._max_body))
        await in_thread(forward, self._lookup, received)
        return "Succeeded to upload segment"

    async def _infos(self, cids: list[Cid]) -> dict[Cid, FileInfo | None]:
        owner = asker.get()
        await self._lists.take(owner, 1, WAIT_SECONDS)
        try:
            return dict(zip(cids, await in_thread(gathered, self._lookup.info, cids, CIDS_AT_ONCE), strict=True))
        finally:
            self._lists.give(owner, 1)


def _cid(call: RestCall) -> Cid:
    return Cid.parse(call.path["cid"], call.one("size"))


def _json(info: FileInfo | None) -> dict[str, Any] | None:
    return None if info is None else info_to_json(info)


def _shown(entry: Directory | File | Link) -> dict[str, Any]:
    """An entry of a directory without what is below it."""
    if isinstance(entry, Link):
        return {"name": entry.name, "type": "symbolic", "link": entry.target}
    if isinstance(entry, Directory):
        return {"name": entry.name, "type": "directory"}
    return {"name": entry.name, "type": "file", **({"size": entry.size} if entry.size else {})}


def _merged(statuses: list[NodeStatus]) -> dict[str, Any]:
    last = min(statuses, key=lambda status: status.height)
    return {
        "connectedPeers": max(status.peers for status in statuses),
        "logSyncHeight": last.height,
        "logSyncBlock": last.block,
        "nextTxSeq": min(status.next_seq for status in statuses),
        "networkIdentity": {
            "chainId": last.chain_id,
            "flowAddress": last.flow,
            "p2pProtocolVersion": dict(last.protocol),
        },
    }
