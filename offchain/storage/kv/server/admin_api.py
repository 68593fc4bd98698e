"""The operator's methods: hold another stream, compare the whole state with that of another server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from offchain.chain.signatures import typed_data_signer
from offchain.errors import Invalid
from offchain.net.jsonrpc import INVALID_PARAMS, RpcError
from offchain.net.parameters import Hash
from offchain.protocol.kv.state_tree import state_root
from offchain.runtime.logging import get_logger
from offchain.runtime.threads import in_thread
from offchain.storage.kv.server import ledger, pages, state
from offchain.storage.kv.server.api import Account, Method
from offchain.storage.kv.server.holding import Holding
from offchain.storage.wire import to_hex
from offchain.store.database import Database

log = get_logger("admin")

PURPOSE = "register-stream"
TYPES = {
    "RegisterStream": [
        {"name": "purpose", "type": "string"},
        {"name": "wallet", "type": "address"},
        {"name": "streamId", "type": "bytes32"},
    ]
}


def domain(chain_id: int) -> dict[str, object]:
    """The EIP-712 domain that registrations are signed in."""
    return {"name": "0G Storage Scan", "version": "1", "chainId": chain_id}


class AdminApi:
    """Answers at the operator's address only."""

    def __init__(self, chain_id: int, database: Database, holding: Holding) -> None:
        """`holding` knows the streams that are held."""
        self._chain_id = chain_id
        self._database = database
        self._holding = holding

    @property
    def methods(self) -> Mapping[str, Method]:
        """Methods by name."""
        return {"admin_addStream": self.add_stream, "admin_getStateRoot": self.get_state_root}

    async def add_stream(self, stream_id: Hash, wallet: Account, signature: str) -> bool:
        """Hold a stream from its beginning on; the signature shows that `wallet` asks for it."""
        if not re.fullmatch("(0x)?[0-9a-fA-F]*", signature):
            raise RpcError(INVALID_PARAMS, "Invalid params: signature", "not valid hex")
        message = {"purpose": PURPOSE, "wallet": to_hex(wallet), "streamId": stream_id}
        try:
            signed = bytes.fromhex(signature.removeprefix("0x"))
            signer = typed_data_signer(domain(self._chain_id), TYPES, message, signed)
        except (Invalid, ValueError) as error:
            raise RpcError(INVALID_PARAMS, "Invalid params: signature", f"recovery failed: {error}") from error
        if bytes.fromhex(signer[2:]) != wallet:
            raise RpcError(
                INVALID_PARAMS, "Invalid params: signature", "recovered signer does not match claimed wallet"
            )
        if await in_thread(self._holding.add, stream_id):
            log.info("stream added", stream=to_hex(stream_id), wallet=signer)
        return True

    async def get_state_root(self) -> dict[str, Any]:
        """One root over the newest roots of all streams, and how far they are."""
        return await in_thread(self._state_root)

    def _state_root(self) -> dict[str, Any]:
        with self._database.snapshot() as reader:
            roots = {stream: pages.root_at(reader, stream, ledger.END) for stream in state.known(reader)}
            progress = {"nextTxSeq": ledger.next_seq(reader), "appliedSeq": ledger.applied(reader)}
        return {"root": to_hex(state_root(roots)), "streams": len(roots), **progress}
