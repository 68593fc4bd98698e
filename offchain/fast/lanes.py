"""Vectors of eight 64-bit words, one word per *lane*, written as LLVM instructions inside numba's compiled functions.

Eight computations run side by side, one per lane. LLVM keeps a vector in one AVX-512 register, or in two or four
narrower ones on a CPU that has none: slower, never wrong. Words are little-endian, addresses need no alignment.
"""

from collections.abc import Callable, Sequence

from llvmlite import ir

LANES = 8
WORD_BITS = 64
WORD_BYTES = WORD_BITS // 8
WORD = ir.IntType(WORD_BITS)
VECTOR = ir.VectorType(WORD, LANES)
VECTOR_BYTES = LANES * WORD_BYTES
CACHE_LINE_BYTES = 64
_INDEX = ir.IntType(32)


def splat(word: int) -> ir.Constant:
    """The vector with the constant `word` in every lane."""
    return ir.Constant(VECTOR, [word] * LANES)


def broadcast(builder: ir.IRBuilder, word: ir.Value) -> ir.Value:
    """The vector with the value `word` in every lane."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, word, ir.Constant(_INDEX, 0))
    return _shuffle(builder, first, undefined, [0] * LANES)


def rotate_left(builder: ir.IRBuilder, vector: ir.Value, bits: int) -> ir.Value:
    """`vector` with every word rotated left by `bits`, 0 to 63."""
    if bits == 0:
        return vector
    return builder.or_(builder.shl(vector, splat(bits)), builder.lshr(vector, splat(WORD_BITS - bits)))


def load(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    """The vector at `address`."""
    return builder.load(builder.inttoptr(address, VECTOR.as_pointer()), align=1)


def store(builder: ir.IRBuilder, vector: ir.Value, address: ir.Value) -> None:
    """Write `vector`, of any length, to `address`."""
    builder.store(vector, builder.inttoptr(address, vector.type.as_pointer()), align=1)


def load_row(builder: ir.IRBuilder, address: ir.Value, count: int) -> list[ir.Value]:
    """The `count` vectors that lie end to end from `address` on."""
    return [load(builder, beyond(builder, address, number * VECTOR_BYTES)) for number in range(count)]


def store_row(builder: ir.IRBuilder, vectors: Sequence[ir.Value], address: ir.Value) -> None:
    """Write `vectors` end to end from `address` on."""
    for number, vector in enumerate(vectors):
        store(builder, vector, beyond(builder, address, number * VECTOR_BYTES))


def beyond(builder: ir.IRBuilder, address: ir.Value, distance: int) -> ir.Value:
    """The address `distance` bytes beyond `address`."""
    return builder.add(address, ir.Constant(WORD, distance))


def lane_addresses(builder: ir.IRBuilder, base: ir.Value, stride: int, last: ir.Value) -> list[ir.Value]:
    """Addresses of items 0 to 7 of a row from `base` on, `stride` bytes apart, one for each lane.

    A row that ends with item `last` below 7 fills the spare lanes with that item again: they compute and write the
    same once more, and no row needs a path of its own.
    """
    addresses = []
    for lane in range(LANES):
        number = ir.Constant(WORD, lane)
        item = builder.select(builder.icmp_signed("<", number, last), number, last)
        addresses.append(builder.add(base, builder.mul(item, ir.Constant(WORD, stride))))
    return addresses


def gather(builder: ir.IRBuilder, addresses: Sequence[ir.Value], count: int) -> list[ir.Value]:
    """The first `count` words, a multiple of 8, at each lane's address: word i of all lanes in vector i."""
    words = []
    for first in range(0, count, LANES):
        rows = [load(builder, beyond(builder, address, first * WORD_BYTES)) for address in addresses]
        words += transpose(builder, rows)
    return words


def scatter(builder: ir.IRBuilder, words: Sequence[ir.Value], addresses: Sequence[ir.Value]) -> None:
    """Write up to 8 vectors to each lane's address: word i of a lane from vector i."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    rows = transpose(builder, [*words, *[undefined] * (LANES - len(words))])
    for row, address in zip(rows, addresses, strict=True):
        store(builder, _shuffle(builder, row, undefined, range(len(words))), address)


def transpose(builder: ir.IRBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """The columns of a square of words whose rows are 8 vectors.

    Seen as blocks of `size` × `size` words, each step swaps the upper right and the lower left block of every four.
    """
    square = list(rows)
    for size in (1, 2, 4):
        upper = [LANES + lane - size if lane & size else lane for lane in range(LANES)]
        lower = [LANES + lane if lane & size else lane + size for lane in range(LANES)]
        for row in (row for row in range(LANES) if not row & size):
            pair = square[row], square[row + size]
            square[row] = _shuffle(builder, *pair, upper)
            square[row + size] = _shuffle(builder, *pair, lower)
    return square


def separate(
    module: ir.Module, name: str, signature: ir.FunctionType, emit: Callable[[ir.IRBuilder, Sequence[ir.Value]], None]
) -> ir.Function:
    """The function `name` of `module`, which `emit` writes if it is not there yet: it gets a builder and the arguments.

    Inlined, it would share the registers with its callers. What does not fit into them goes to the stack, by whole
    cache lines if that is aligned, which LLVM does not see to by itself: worth two thirds in speed without AVX-512.
    """
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, signature, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    function.attributes.alignstack = CACHE_LINE_BYTES
    emit(ir.IRBuilder(function.append_basic_block("entry")), function.args)
    return function


def prefetch(builder: ir.IRBuilder, address: ir.Value, count: int, near: bool) -> None:
    """Bring `count` bytes at `address`, valid or not, to the first-level cache if `near`, else to the second."""
    byte_pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    signature = ir.FunctionType(ir.VoidType(), [byte_pointer, number, number, number])
    function = builder.module.declare_intrinsic("llvm.prefetch", [byte_pointer], signature)
    read, locality, of_data = (ir.Constant(number, value) for value in (0, 3 if near else 2, 1))
    for line in range(0, count, CACHE_LINE_BYTES):
        pointer = builder.inttoptr(beyond(builder, address, line), byte_pointer)
        builder.call(function, [pointer, read, locality, of_data])


def _shuffle(builder: ir.IRBuilder, low: ir.Value, high: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """The words of `low` (numbers 0 to 7) and `high` (8 to 15) that `lanes` lists."""
    return builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(_INDEX, len(lanes)), list(lanes)))
