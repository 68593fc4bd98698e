"""The curve of Ethereum's keys, as far as key agreement needs it (SEC 1 version 2.0, sections 2.2, 2.3 and 3.3.1).

y² = x³ + 7 over the integers modulo `P`; the point `G` generates a group of prime order `N`. Running times depend on
the secrets: for a user's own machine, not for a server that strangers may ask again and again.
"""

from __future__ import annotations

from offchain.errors import Invalid

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
COMPRESSED_BYTES = 33
UNCOMPRESSED_BYTES = 65

Point = tuple[int, int]


def scalar(private: bytes) -> int:
    """The number that a private key of 32 bytes is; Invalid for zero and beyond the group."""
    value = int.from_bytes(private, "big")
    if len(private) != 32 or not 0 < value < N:
        raise Invalid("a private key has 32 bytes and lies between zero and the order of secp256k1")
    return value


def parse(public: bytes) -> Point:
    """A public key of 33 bytes, 65, or 64 without the first one; Invalid when it is no point of the curve."""
    if len(public) == UNCOMPRESSED_BYTES - 1:
        public = b"\x04" + public
    kind, x = public[:1], int.from_bytes(public[1:33], "big")
    if x >= P or (len(public), kind) not in ((33, b"\x02"), (33, b"\x03"), (65, b"\x04")):
        raise Invalid("a public key of secp256k1 has 33 bytes that begin with 02 or 03, or 65 that begin with 04")
    root = pow(x**3 + 7, (P + 1) // 4, P)
    y = int.from_bytes(public[33:], "big") if kind == b"\x04" else root if root % 2 == kind[0] % 2 else P - root
    if y >= P or (y * y - x**3 - 7) % P:
        raise Invalid("this public key is no point of secp256k1")
    return x, y


def compress(point: Point) -> bytes:
    """The 33 bytes of a public key."""
    return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")


def public_key(private: bytes) -> bytes:
    """The 33 bytes that belong to a private key."""
    return compress(_multiply(scalar(private), G))


def shared_secret(private: bytes, public: bytes) -> bytes:
    """The x coordinate that the owners of both keys can compute, and nobody else (ECDH)."""
    return _multiply(scalar(private), parse(public))[0].to_bytes(32, "big")


def recover(digest: bytes, odd: int, r: int, s: int) -> Point:
    """The public key whose signature (r, s) of a 32-byte digest has a nonce point with y of parity `odd`.

    Section 4.1.6. Invalid when there is none. Nonce points whose x lies beyond `N` are not tried, as Ethereum does not.
    """
    if odd not in (0, 1) or not 0 < r < N or not 0 < s < N:
        raise Invalid("these numbers are no signature on secp256k1")
    nonce = parse(bytes([2 + odd]) + r.to_bytes(32, "big"))
    inverse = pow(r, -1, N)
    by_digest, by_nonce = -int.from_bytes(digest, "big") * inverse % N, s * inverse % N
    point = _multiply(by_nonce, nonce)
    if not by_digest:
        return point
    other = _multiply(by_digest, G)
    if point[0] == other[0] and point[1] != other[1]:
        raise Invalid("this signature has no public key")
    return _add(point, other)


def _multiply(factor: int, point: Point) -> Point:
    """`factor` times `point`, for a factor between zero and the order: the sum is never the point at infinity."""
    total: Point | None = None
    while factor:
        if factor & 1:
            total = point if total is None else _add(total, point)
        factor >>= 1
        if factor:
            point = _add(point, point)
    assert total is not None
    return total


def _add(one: Point, other: Point) -> Point:
    if one == other:
        slope = 3 * one[0] * one[0] * pow(2 * one[1], -1, P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P)
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P
