"""Units of storage, and how a file of a given size is padded to them.

A *sector* is 256 bytes, a *segment* 1,024 sectors. A file is padded with zero sectors to a count that is a sum of at
most four descending powers of two within a factor of eight, so that it lies in the flow as at most four subtrees.
"""

from offchain.errors import Invalid

SECTOR_BYTES = 256
SEGMENT_SECTORS = 1024
SEGMENT_BYTES = SECTOR_BYTES * SEGMENT_SECTORS
SEGMENT_HEIGHT = SEGMENT_SECTORS.bit_length() - 1
PADDING_SHARE = 16  # padding is a multiple of the enclosing power of two divided by this


def sector_count(size: int) -> int:
    """Sectors that hold the `size` bytes of a file; Invalid when it is empty."""
    if size <= 0:
        raise Invalid("a file needs at least one byte")
    return -(-size // SECTOR_BYTES)


def padded_sector_count(size: int) -> int:
    """Sectors that a file of `size` bytes occupies in the flow, padding included; Invalid when it is empty."""
    count = sector_count(size)
    enclosing = 1 << (count - 1).bit_length()
    granule = max(enclosing // PADDING_SHARE, 1)
    return -(-count // granule) * granule


def segment_count(size: int) -> int:
    """Segments of a file of `size` bytes that hold data: those that are uploaded."""
    return -(-sector_count(size) // SEGMENT_SECTORS)


def padded_segment_count(size: int) -> int:
    """Segments of a file of `size` bytes once padded: the leaves of its proofs."""
    return -(-padded_sector_count(size) // SEGMENT_SECTORS)


def segment_data_length(size: int, index: int) -> int:
    """Bytes of segment `index` as it travels: whole sectors, without the segment's padding sectors."""
    left = sector_count(size) - index * SEGMENT_SECTORS
    if index < 0 or left <= 0:
        raise Invalid(f"segment {index} is beyond the end of a file of {size} bytes")
    return min(left, SEGMENT_SECTORS) * SECTOR_BYTES


def segment_leaf_count(size: int, index: int) -> int:
    """Sectors under the root of segment `index`, padding sectors included."""
    left = padded_sector_count(size) - index * SEGMENT_SECTORS
    if index < 0 or left <= 0:
        raise Invalid(f"segment {index} is beyond the end of a file of {size} bytes")
    return min(left, SEGMENT_SECTORS)


def node_heights(sectors: int) -> tuple[int, ...]:
    """Heights of the complete subtrees that `sectors` splits into, descending."""
    return tuple(height for height in reversed(range(sectors.bit_length())) if sectors >> height & 1)
