# pragma version 0.4.3
"""
@title Block history
@notice Stands where EIP-2935 puts the history contract: answers for 8,191 blocks, reverts beyond.
@dev Hashes are keccak256(uint256 number), as tests/doubles/blocks.py gives them to the opcode.
"""


@view
@external
@raw_return
def __default__() -> Bytes[32]:
    number: uint256 = convert(slice(msg.data, 0, 32), uint256)
    assert number < block.number and block.number - number <= 8_191
    return abi_encode(keccak256(abi_encode(number)))
