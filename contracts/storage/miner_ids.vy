# pragma version 0.4.3
"""
@title Miner ids
@notice Names that data is sealed for, and who receives their rewards.
"""
from contracts.interfaces import IPoraMine

# Who receives the rewards of a miner id.
beneficiaries: public(HashMap[bytes32, address])


@external
def requestMinerId(beneficiary: address, seed: uint64):
    assert beneficiary != empty(address), "mine: no beneficiary"
    # Nobody can choose an id, nor take one that a waiting transaction is about to get.
    id: bytes32 = keccak256(
        concat(blockhash(block.number - 1), convert(msg.sender, bytes20), convert(seed, bytes8))
    )
    assert self.beneficiaries[id] == empty(address), "mine: id exists"
    self.beneficiaries[id] = beneficiary
    log IPoraMine.NewMinerId(minerId=id, beneficiary=beneficiary)


@external
def transferBeneficial(to: address, minerId: bytes32):
    assert self.beneficiaries[minerId] == msg.sender, "mine: not the beneficiary"
    assert to != empty(address), "mine: no beneficiary"
    self.beneficiaries[minerId] = to
    log IPoraMine.UpdateMinerId(minerId=minerId, origin=msg.sender, to=to)


@view
@internal
def _beneficiary(minerId: bytes32) -> address:
    beneficiary: address = self.beneficiaries[minerId]
    assert beneficiary != empty(address), "mine: unknown miner"
    return beneficiary
