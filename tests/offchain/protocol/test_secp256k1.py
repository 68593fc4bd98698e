import pytest
from eth_keys import keys
from eth_keys.backends.native import jacobian
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import Invalid
from offchain.protocol.secp256k1 import G, N, P, compress, parse, public_key, scalar, shared_secret

privates = st.integers(1, N - 1).map(lambda number: number.to_bytes(32, "big"))


@given(privates)
def test_public_key__any_private_key__is_that_of_another_implementation(private):
    assert public_key(private) == keys.PrivateKey(private).public_key.to_compressed_bytes()


@given(privates, privates)
def test_shared_secret__both_owners__compute_the_same(one, other):
    secret = shared_secret(one, public_key(other))
    assert secret == shared_secret(other, public_key(one))
    point = jacobian.fast_multiply(parse(public_key(other)), int.from_bytes(one, "big"))
    assert secret == point[0].to_bytes(32, "big")


@pytest.mark.parametrize("number", [1, 2, 3, N - 1, N - 2])
def test_public_key__extreme_private_keys__are_those_of_another_implementation(number):
    private = number.to_bytes(32, "big")
    assert public_key(private) == keys.PrivateKey(private).public_key.to_compressed_bytes()


@given(privates)
def test_parse__every_form_of_a_key__is_the_same_point(private):
    full = keys.PrivateKey(private).public_key.to_bytes()
    point = parse(public_key(private))
    assert parse(full) == parse(b"\x04" + full) == point
    assert compress(point) == public_key(private)


@pytest.mark.parametrize(
    "public",
    [
        b"",
        b"\x02",
        bytes(33),
        b"\x02" + (5).to_bytes(32, "big"),
        b"\x02" + P.to_bytes(32, "big"),
        b"\x05" + G[0].to_bytes(32, "big"),
        b"\x02" + bytes(64),
        b"\x04" + G[0].to_bytes(32, "big") + (G[1] + 1).to_bytes(32, "big"),
        b"\x04" + G[0].to_bytes(32, "big") + (G[1] + P).to_bytes(33, "big")[-32:],
        bytes(64),
    ],
    ids=lambda key: key.hex()[:12],
)
def test_parse__no_point_of_the_curve__is_refused(public):
    with pytest.raises(Invalid, match="public key"):
        parse(public)


@pytest.mark.parametrize("private", [b"", bytes(32), N.to_bytes(32, "big"), b"\xff" * 32, b"\x01" * 31, b"\x01" * 33])
def test_scalar__no_private_key__is_refused(private):
    with pytest.raises(Invalid, match="^a private key has 32 bytes"):
        scalar(private)
