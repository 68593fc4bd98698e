# pragma version 0.4.3
"""
@title Block hash
@notice Hashes of past blocks: the opcode for 256 of them, the history contract (EIP-2935) for 8,191 where a chain has it.
@dev A chain without that contract answers a call to its address with nothing, and one that gained it lately answers
     zero for older blocks. Either is "unknown" here and never a hash: a zero digest could be predicted.
"""

# Blocks that the opcode knows.
OPCODE_WINDOW: constant(uint256) = 256

# Blocks that the history contract knows.
HISTORY_WINDOW: constant(uint256) = 8_191

HISTORY: constant(address) = 0x0000F90827F1C53a10cb7A02335B175320002935

# The contract reads one slot; a stranger's code at this address must not eat the caller's gas.
HISTORY_GAS: constant(uint256) = 20_000


@view
@internal
def _of(number: uint256) -> bytes32:
    """@notice The hash of block `number`, empty when unknown."""
    if number >= block.number:
        return empty(bytes32)
    if block.number - number <= OPCODE_WINDOW:
        return blockhash(number)
    if block.number - number > HISTORY_WINDOW:
        return empty(bytes32)
    found: bool = False
    answer: Bytes[32] = b""
    found, answer = raw_call(
        HISTORY,
        abi_encode(number),
        max_outsize=32,
        gas=HISTORY_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not found or len(answer) != 32:
        return empty(bytes32)
    return convert(answer, bytes32)
