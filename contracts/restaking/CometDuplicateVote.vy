# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
"""
@title Comet duplicate vote
@notice Proves that a validator of a CometBFT network voted twice at one height, round and step, for different blocks.
@dev Trusts the registries for chain id, key type and whose key it is. The evidence is typed fields and signatures; the
     signed bytes are rebuilt. For keys on secp256k1: both kinds that CometBFT has.
@custom:kill Nothing to stop: a network that does not want it names another verifier.
"""
from contracts.interfaces import ICometNetworks
from contracts.interfaces import IFaultVerifier
from contracts.interfaces import IValidatorKeys
from contracts.restaking import canonical_vote

implements: IFaultVerifier

DUPLICATE_VOTE: constant(uint256) = 1

# Types of keys: digest by Keccak-256, as Ethereum; digest by SHA-256, as Bitcoin.
SECP256K1ETH: constant(uint256) = 1
SECP256K1: constant(uint256) = 2

# Half the group's order: CometBFT takes no larger s, or anybody could sign again for somebody.
MAX_S: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

NETWORKS: immutable(address)
KEYS: immutable(address)


struct Signature:
    # 27 or 28; CometBFT's recovery id plus 27.
    v: uint256
    r: uint256
    s: uint256


struct Vote:
    ballot: canonical_vote.Ballot
    signature: Signature


struct Evidence:
    position: canonical_vote.Position
    first: Vote
    second: Vote


@deploy
def __init__(networks: address, keys: address):
    assert networks.is_contract and keys.is_contract, "duplicate: no registry"
    NETWORKS = networks
    KEYS = keys


@view
@external
def verify(networkId: uint256, evidence: Bytes[1024]) -> (address, uint256, bytes32):
    """@param evidence ABI-encoded `Evidence`."""
    chain_id: String[50] = ""
    key_type: uint256 = 0
    chain_id, key_type = staticcall ICometNetworks(NETWORKS).cometChain(networkId)
    signer: address = empty(address)
    fault: bytes32 = empty(bytes32)
    signer, fault = self._recover(chain_id, key_type, abi_decode(evidence, Evidence))
    key: bytes32 = convert(convert(signer, uint256), bytes32)
    operator: address = staticcall IValidatorKeys(KEYS).keyHolder(networkId, key_type, key)
    assert operator != empty(address), "duplicate: not a known key"
    return operator, DUPLICATE_VOTE, fault


@pure
@external
def recover(chainId: String[50], keyType: uint256, evidence: Evidence) -> (address, bytes32):
    """@notice Who signed both votes of the evidence on a chain, and the fault; reverts unless they are a duplicate."""
    return self._recover(chainId, keyType, evidence)


@pure
@internal
def _recover(chain_id: String[50], key_type: uint256, evidence: Evidence) -> (address, bytes32):
    canonical_vote._check_position(evidence.position)
    assert self._differ(evidence.first.ballot, evidence.second.ballot), "duplicate: same block"
    signer: address = self._signer(chain_id, key_type, evidence.position, evidence.first)
    assert signer == self._signer(chain_id, key_type, evidence.position, evidence.second), "duplicate: two signers"
    position: canonical_vote.Position = evidence.position
    return signer, keccak256(abi_encode(position.voteType, position.height, position.round))


@pure
@internal
def _differ(one: canonical_vote.Ballot, other: canonical_vote.Ballot) -> bool:
    parts: bool = one.partsTotal != other.partsTotal or one.partsHash != other.partsHash
    return parts or one.blockHash != other.blockHash


@pure
@internal
def _signer(chain_id: String[50], key_type: uint256, position: canonical_vote.Position, vote: Vote) -> address:
    signed: Bytes[canonical_vote.VOTE_BYTES] = canonical_vote._sign_bytes(position, vote.ballot, chain_id)
    digest: bytes32 = empty(bytes32)
    if key_type == SECP256K1ETH:
        digest = keccak256(signed)
    else:
        assert key_type == SECP256K1, "duplicate: unknown key type"
        digest = sha256(signed)
    assert vote.signature.s <= MAX_S, "duplicate: high s"
    signer: address = ecrecover(digest, vote.signature.v, vote.signature.r, vote.signature.s)
    assert signer != empty(address), "duplicate: bad signature"
    return signer
