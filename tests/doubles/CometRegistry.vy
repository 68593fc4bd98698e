# pragma version 0.4.3
"""
@title Comet registry
@notice Both registries that evidence of CometBFT asks, filled by the test.
"""
from contracts.interfaces import ICometNetworks
from contracts.interfaces import IValidatorKeys

implements: ICometNetworks
implements: IValidatorKeys

chains: HashMap[uint256, String[50]]
types: HashMap[uint256, uint256]
holders: HashMap[uint256, HashMap[uint256, HashMap[bytes32, address]]]


@external
def addNetwork(id: uint256, chain_id: String[50], key_type: uint256):
    self.chains[id] = chain_id
    self.types[id] = key_type


@external
def addKey(id: uint256, key_type: uint256, key: bytes32, holder: address):
    self.holders[id][key_type][key] = holder


@view
@external
def cometChain(networkId: uint256) -> (String[50], uint256):
    return self.chains[networkId], self.types[networkId]


@view
@external
def keyHolder(networkId: uint256, keyType: uint256, key: bytes32) -> address:
    return self.holders[networkId][keyType][key]
