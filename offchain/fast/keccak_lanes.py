"""Keccak-256 of eight messages at once, one in each lane (FIPS 202, with the padding that Ethereum uses)."""

from collections.abc import Sequence

from llvmlite import ir

from offchain.fast.lanes import VECTOR, WORD, WORD_BITS, broadcast, rotate_left, separate, splat

ROUNDS = 24
STATE_WORDS = 25
RATE_WORDS = 17
DIGEST_WORDS = 4
PADDING_START = 0x01
PADDING_END = 0x80 << (WORD_BITS - 8)


def _rotations() -> list[list[int]]:
    """Bits by which rho rotates the word at [x][y] (FIPS 202, 3.2.2)."""
    rotations = [[0] * 5 for _ in range(5)]
    x, y = 1, 0
    for step in range(24):
        rotations[x][y] = (step + 1) * (step + 2) // 2 % WORD_BITS
        x, y = y, (2 * x + 3 * y) % 5
    return rotations


def _round_constants() -> list[int]:
    """What iota adds in each round: seven bits of a shift register, at the powers of two (FIPS 202, 3.2.5)."""
    constants, register = [], 1
    for _ in range(ROUNDS):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = register << 1 ^ (register >> 7) * 0x171
        constants.append(constant)
    return constants


ROTATIONS = _rotations()
ROUND_CONSTANTS = _round_constants()


def keccak256(builder: ir.IRBuilder, words: Sequence[ir.Value]) -> list[ir.Value]:
    """The four vectors of the digests of eight messages of equal length, whose words are the vectors `words`."""
    digest = builder.call(_digest_function(builder.module, len(words)), words)
    return [builder.extract_value(digest, number) for number in range(DIGEST_WORDS)]


def _digest_function(module: ir.Module, word_count: int) -> ir.Function:
    """One function for each length of message."""
    digest = ir.LiteralStructType([VECTOR] * DIGEST_WORDS)

    def emit(builder: ir.IRBuilder, message: Sequence[ir.Value]) -> None:
        result = ir.Constant(digest, ir.Undefined)
        for number, word in enumerate(_sponge(builder, message)):
            result = builder.insert_value(result, word, number)
        builder.ret(result)

    return separate(module, f"zg.keccak256.{word_count}", ir.FunctionType(digest, [VECTOR] * word_count), emit)


def _sponge(builder: ir.IRBuilder, message: Sequence[ir.Value]) -> list[ir.Value]:
    zero = splat(0)
    padded = [*message, splat(PADDING_START), *[zero] * (RATE_WORDS - 1 - len(message) % RATE_WORDS)]
    padded[-1] = builder.xor(padded[-1], splat(PADDING_END))
    state = [zero] * STATE_WORDS
    for first in range(0, len(padded), RATE_WORDS):
        block = padded[first : first + RATE_WORDS]
        absorbed = [builder.xor(word, added) for word, added in zip(state, block, strict=False)]
        state = permute(builder, absorbed + state[RATE_WORDS:])
    return state[:DIGEST_WORDS]


def permute(builder: ir.IRBuilder, state: Sequence[ir.Value]) -> list[ir.Value]:
    """keccak-f[1600] of a state whose word at [x][y] is number x + 5y.

    A loop, for the state fills the registers anyway: unrolled rounds run no faster and take five times as long to
    compile. The last round stands alone, so that LLVM leaves out what a digest does not need.
    """
    start, loop = builder.block, builder.append_basic_block("round")
    builder.branch(loop)
    builder.position_at_end(loop)
    number, before = builder.phi(WORD), [builder.phi(VECTOR) for _ in state]
    after = _round(builder, before, _round_constant(builder, number))
    following = builder.add(number, ir.Constant(WORD, 1))
    for phi, first, next_ in zip([number, *before], [ir.Constant(WORD, 0), *state], [following, *after], strict=True):
        phi.add_incoming(first, start)
        phi.add_incoming(next_, loop)
    done = builder.append_basic_block("last_round")
    builder.cbranch(builder.icmp_unsigned("<", following, ir.Constant(WORD, ROUNDS - 1)), loop, done)
    builder.position_at_end(done)
    return _round(builder, after, splat(ROUND_CONSTANTS[-1]))


def _round_constant(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    name = "zg.keccak256.round_constants"
    table = builder.module.globals.get(name)
    if table is None:
        table = ir.GlobalVariable(builder.module, ir.ArrayType(WORD, ROUNDS), name)
        table.initializer = ir.Constant(table.value_type, ROUND_CONSTANTS)
        table.global_constant = True
        table.linkage = "internal"
    return broadcast(builder, builder.load(builder.gep(table, [ir.Constant(WORD, 0), number])))


def _round(builder: ir.IRBuilder, state: Sequence[ir.Value], constant: ir.Value) -> list[ir.Value]:
    """Theta; then rho, pi and chi, a row at a time so that few words are in flight; then iota."""
    changes = _theta(builder, state)
    result = []
    for y in range(5):
        row = []
        for x in range(5):
            column = (x + 3 * y) % 5  # pi brings the word here from row x of this column
            word = builder.xor(state[column + 5 * x], changes[column])
            row.append(rotate_left(builder, word, ROTATIONS[column][x]))
        result += [_chi(builder, row, x) for x in range(5)]
    result[0] = builder.xor(result[0], constant)
    return result


def _theta(builder: ir.IRBuilder, state: Sequence[ir.Value]) -> list[ir.Value]:
    """What is added to all words of each column."""
    parities = []
    for x in range(5):
        upper = builder.xor(builder.xor(state[x], state[x + 5]), builder.xor(state[x + 10], state[x + 15]))
        parities.append(builder.xor(upper, state[x + 20]))
    return [builder.xor(parities[x - 1], rotate_left(builder, parities[(x + 1) % 5], 1)) for x in range(5)]


def _chi(builder: ir.IRBuilder, row: Sequence[ir.Value], x: int) -> ir.Value:
    return builder.xor(row[x], builder.and_(builder.not_(row[(x + 1) % 5]), row[(x + 2) % 5]))
