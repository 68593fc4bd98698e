"""Who used a nonce: proof that none of our transactions was mined, before the same intent is signed again."""

from dataclasses import dataclass

from offchain.chain.client import ChainClient
from offchain.errors import ChainInconsistent, NonceConflict, RemoteRefused


@dataclass(frozen=True, slots=True)
class NonceUse:
    """The mined transaction that has a nonce."""

    transaction_hash: bytes
    block: int


def find_use(client: ChainClient, address: str, nonce: int) -> NonceUse:
    """The transaction of `address` with a `nonce` that the chain counts as used.

    Raises `NonceConflict` when the node keeps no state old enough to find it, `ChainInconsistent` while nodes differ.
    """
    try:
        block = _block_of(client, address, nonce)
    except RemoteRefused as error:
        raise NonceConflict(
            f"nonce {nonce} of {address} is used by a transaction that is not in the journal, and the RPC keeps no "
            f"state old enough to name it ({error.message}): find it in an explorer, and let nobody else use this key"
        ) from error
    used = client.transactions_of(address, block)
    if nonce not in used:
        raise ChainInconsistent(f"block {block} should hold nonce {nonce} of {address} but does not")
    return NonceUse(used[nonce], block)


def _block_of(client: ChainClient, address: str, nonce: int) -> int:
    after, distance = client.head().number, 1
    if client.nonce(address, after) <= nonce:
        raise ChainInconsistent(f"the RPC counted nonce {nonce} of {address} as used, and now does not")
    before = after - distance
    while before > 0 and client.nonce(address, before) > nonce:
        after, distance = before, distance * 2
        before = after - distance
    before = max(before, -1)
    while after - before > 1:
        middle = (before + after) // 2
        if client.nonce(address, middle) > nonce:
            after = middle
        else:
            before = middle
    return after
