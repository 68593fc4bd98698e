"""The public JSON-RPC methods `zgs_*` (docs/spec/storage-rpc.md)."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from offchain.errors import Busy, DiskFull, NotFound
from offchain.net.jsonrpc import SERVER_ERROR, Encoded, RpcError
from offchain.net.parameters import U64, Base64, Flag, Hash, SeqOrRoot
from offchain.protocol.merkle import Proof
from offchain.protocol.sectors import SEGMENT_SECTORS
from offchain.storage.node.catalog import Catalog, Entry
from offchain.storage.node.intake import Intake
from offchain.storage.node.lanes import Lanes
from offchain.storage.node.peers import Identity
from offchain.storage.node.proofs import FlowProofs
from offchain.storage.node.refusals import AlreadyStored, Refusal
from offchain.storage.node.shelf import Shelf
from offchain.storage.wire import Segment, info_to_json, proof_to_json, segment_to_json, to_hex

PROTOCOL_VERSION = {"major": 0, "minor": 4, "build": 0}

Method = Callable[..., Awaitable[Any]]

_BYTES = [str(value) for value in range(256)]


class ProofParam(BaseModel):
    """`{lemma, path}`."""

    model_config = ConfigDict(extra="ignore")

    lemma: list[Hash]
    path: list[Flag]


class SegmentParam(BaseModel):
    """`{root, data, index, proof, fileSize}`."""

    model_config = ConfigDict(extra="ignore")

    root: Hash
    data: Base64
    index: U64
    proof: ProofParam
    size: U64 = Field(alias="fileSize")

    @property
    def segment(self) -> Segment:
        """The same as the node handles it; Refusal when no file has this size."""
        if not 0 < self.size < 1 << 54:
            raise Refusal("file_size", "file is empty" if self.size == 0 else "file is too large")
        proof = Proof(tuple(self.proof.lemma), tuple(self.proof.path))
        return Segment(self.root, self.size, self.index, self.data, proof.siblings, proof)


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """The block whose events were applied last."""

    height: int
    block_hash: bytes


class ZgsApi:
    """Answers from the node's parts."""

    def __init__(
        self,
        identity: Identity,
        catalog: Catalog,
        shelf: Shelf,
        intake: Intake,
        proofs: FlowProofs,
        lanes: Lanes,
        progress: Callable[[], SyncProgress],
        peer_count: Callable[[], int],
    ) -> None:
        """`progress` tells how far the node follows the chain, `peer_count` how many peers are connected."""
        self._identity = identity
        self._catalog = catalog
        self._shelf = shelf
        self._intake = intake
        self._proofs = proofs
        self._segments = lanes.segments
        self._scans = lanes.scans
        self._progress = progress
        self._peer_count = peer_count

    @property
    def methods(self) -> Mapping[str, Method]:
        """Methods by name."""
        return {
            "zgs_getStatus": self.get_status,
            "zgs_uploadSegment": self.upload_segment,
            "zgs_uploadSegmentByTxSeq": self.upload_segment_by_tx_seq,
            "zgs_uploadSegments": self.upload_segments,
            "zgs_uploadSegmentsByTxSeq": self.upload_segments_by_tx_seq,
            "zgs_downloadSegment": self.download_segment,
            "zgs_downloadSegmentByTxSeq": self.download_segment_by_tx_seq,
            "zgs_downloadSegmentWithProof": self.download_segment_with_proof,
            "zgs_downloadSegmentWithProofByTxSeq": self.download_segment_with_proof_by_tx_seq,
            "zgs_getDataByNodeIndex": self.get_data_by_node_index,
            "zgs_getMetaDataByNodeIndex": self.get_meta_data_by_node_index,
            "zgs_checkFileFinalized": self.check_file_finalized,
            "zgs_getFileInfo": self.get_file_info,
            "zgs_getFileInfoByTxSeq": self.get_file_info_by_tx_seq,
            "zgs_getShardConfig": self.get_shard_config,
            "zgs_getSectorProof": self.get_sector_proof,
            "zgs_getHashAtNodeIndex": self.get_hash_at_node_index,
            "zgs_getFlowContext": self.get_flow_context,
        }

    async def get_status(self) -> dict[str, Any]:
        """Which chain and flow this node follows, and how far."""
        progress = self._progress()
        return {
            "connectedPeers": self._peer_count(),
            "logSyncHeight": progress.height,
            "logSyncBlock": to_hex(progress.block_hash),
            "nextTxSeq": self._catalog.next_seq(),
            "networkIdentity": {
                "chainId": self._identity.chain_id,
                "flowAddress": self._identity.flow,
                "p2pProtocolVersion": PROTOCOL_VERSION,
            },
        }

    async def upload_segment(self, segment: SegmentParam) -> None:
        """Take a segment of a file known by its root."""
        await self._take(segment, None)

    async def upload_segment_by_tx_seq(self, segment: SegmentParam, tx_seq: U64) -> None:
        """Take a segment of a submission."""
        await self._take(segment, tx_seq)

    async def upload_segments(self, segments: list[SegmentParam]) -> None:
        """Take segments of a file known by its root."""
        for segment in segments:
            await self._take(segment, None)

    async def upload_segments_by_tx_seq(self, segments: list[SegmentParam], tx_seq: U64) -> int:
        """Take segments of a submission, pass over those that are here already; how many there were.

        Other nodes answer null, which one public client takes for a failure.
        """
        for segment in segments:
            try:
                await self._take(segment, tx_seq)
            except RpcError as error:
                if error.message != AlreadyStored().reason:
                    raise
        return len(segments)

    async def download_segment(self, data_root: Hash, start_index: U64, end_index: U64) -> str | None:
        """Sectors [start, end) of a file, None when they are not here."""
        return await self._segments.run(self._sectors, self._catalog.find(data_root), start_index, end_index)

    async def download_segment_by_tx_seq(self, tx_seq: U64, start_index: U64, end_index: U64) -> str | None:
        """Sectors [start, end) of a submission, None when they are not here."""
        return await self._segments.run(self._sectors, self._entry(tx_seq), start_index, end_index)

    async def download_segment_with_proof(self, data_root: Hash, index: U64) -> dict[str, Any] | None:
        """A segment of a file with its proof, None when it is not here."""
        return await self._segments.run(self._segment, self._catalog.find(data_root), index)

    async def download_segment_with_proof_by_tx_seq(self, tx_seq: U64, index: U64) -> dict[str, Any] | None:
        """A segment of a submission with its proof, None when it is not here."""
        return await self._segments.run(self._segment, self._entry(tx_seq), index)

    async def get_data_by_node_index(self, node_index: U64) -> Encoded | None:
        """The sectors of a segment of the flow."""
        return await self._scans.run(self._flow_sectors, node_index)

    async def get_meta_data_by_node_index(self, node_index: U64) -> str | None:
        """Which submissions lie in a segment of the flow."""
        return await self._scans.run(self._proofs.describe, node_index)

    async def check_file_finalized(self, tx_seq_or_root: SeqOrRoot) -> bool | None:
        """Whether a file, by sequence number or root, is complete here; None when it is unknown."""
        entry = self._by_seq_or_root(tx_seq_or_root)
        return entry.finalized if entry else None

    async def get_file_info(self, data_root: Hash, need_available: Flag = False) -> dict[str, Any] | None:
        """A file by its root. Nothing is pruned here, so that every known file counts as available."""
        return await self._segments.run(self._info, self._catalog.find(data_root))

    async def get_file_info_by_tx_seq(self, tx_seq: U64) -> dict[str, Any] | None:
        """A file by its sequence number."""
        return await self._segments.run(self._info, self._entry(tx_seq))

    async def get_shard_config(self) -> dict[str, int]:
        """The part of the flow that this node holds."""
        return {"shardId": self._shelf.shard.number, "numShard": self._shelf.shard.count}

    async def get_sector_proof(self, sector_index: U64, flow_root: Hash | None = None) -> dict[str, Any]:
        """Proof of a sector below a root that the flow has or had."""
        return proof_to_json(await self._scans.run(self._proofs.sector, sector_index, flow_root))

    async def get_hash_at_node_index(self, node_index: U64) -> str | None:
        """Root of a segment of the flow."""
        root = await self._scans.run(self._proofs.segment_hash, node_index)
        return None if root is None else to_hex(root)

    async def get_flow_context(self) -> list[Any]:
        """Root and length of the flow."""
        root, length = self._proofs.context()
        return [to_hex(root), length]

    async def _take(self, param: SegmentParam, seq: int | None) -> None:
        try:
            await self._segments.run(self._intake.take, param.segment, seq)
        except Refusal as refusal:
            raise refusal.rpc_error from refusal
        except (Busy, DiskFull) as error:
            raise RpcError(SERVER_ERROR, str(error)) from error

    def _entry(self, seq: int) -> Entry | None:
        return self._catalog.entry(seq)

    def _by_seq_or_root(self, wanted: int | bytes) -> Entry | None:
        return self._catalog.find(wanted) if isinstance(wanted, bytes) else self._entry(wanted)

    def _sectors(self, entry: Entry | None, first: int, end: int) -> str | None:
        if first >= end:
            raise Refusal("end_index", "invalid chunk index").rpc_error
        if end - first > SEGMENT_SECTORS:
            raise Refusal("end_index", f"exceeds maximum chunks {SEGMENT_SECTORS}").rpc_error
        if entry is None:
            return None
        try:
            return base64.b64encode(self._shelf.sectors(entry.content, first, end - first)).decode()
        except NotFound:
            return None
        except Refusal as refusal:
            raise refusal.rpc_error from refusal

    def _segment(self, entry: Entry | None, index: int) -> dict[str, Any] | None:
        if entry is None:
            return None
        try:
            segment = self._shelf.segment(entry.content, index)
            return segment_to_json(segment, self._shelf.segment_root(entry.content, index))
        except NotFound:
            return None
        except Refusal as refusal:
            raise refusal.rpc_error from refusal

    def _flow_sectors(self, index: int) -> Encoded | None:
        sectors = self._proofs.segment_sectors(index)
        if sectors is None:
            return None
        # A quarter of a million numbers, written sector by sector: other threads find their turn in between.
        return Encoded("[[" + "],[".join(",".join(map(_BYTES.__getitem__, sector)) for sector in sectors) + "]]")

    def _info(self, entry: Entry | None) -> dict[str, Any] | None:
        return info_to_json(self._shelf.info(entry)) if entry else None
