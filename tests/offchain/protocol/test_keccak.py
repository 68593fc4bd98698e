import pytest

from offchain.protocol.keccak import keccak256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (bytes(135), "29e3704feeca7fb9ba229f0fa04d9b36449cf3ad6e1d85d9cfff3a10df9abc3e"),
        (bytes(136), "3a5912a7c5faa06ee4fe906253e339467a9ce87d533c65be3c15cb231cdb25f9"),
        (bytes(137), "bee7fbb405cb0d91a8775e338c4a5e4b5d6b2d051f687fa942043cffdc73bd28"),
    ],
    ids=["nothing", "abc", "one byte short of a block", "a block", "more than a block"],
)
def test_keccak256__known_input__gives_ethereums_digest(data, digest):
    assert keccak256(data).hex() == digest


def test_keccak256__several_parts__are_laid_end_to_end():
    assert keccak256(b"a", b"", b"bc") == keccak256(b"abc")


def test_keccak256__no_parts__is_the_digest_of_no_bytes():
    assert keccak256() == keccak256(b"")
