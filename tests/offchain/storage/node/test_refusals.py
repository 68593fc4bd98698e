import pytest

from offchain.errors import Invalid
from offchain.storage.node import refusals
from offchain.storage.node.refusals import AlreadyStored, Refusal, WrongFile


@pytest.mark.parametrize(
    ("refusal", "body"),
    [
        (refusals.already_finalized(), (-32602, "Invalid params: root", "already uploaded and finalized")),
        (refusals.bad_length(), (-32602, "Invalid params: data", "invalid data length")),
        (
            refusals.wrong_size(),
            (-32602, "Invalid params: file_size", "segment file size not matched with tx file size"),
        ),
        (
            refusals.too_large_to_wait(),
            (-32602, "Invalid params: file_size", "caching of large file when tx is unavailable is not supported"),
        ),
        (refusals.beyond_the_end(), (-32602, "Invalid params: index", "index out of bound")),
        (Refusal("proof", "invalid proof"), (-32602, "Invalid params: proof", "invalid proof")),
        (WrongFile(), (-32603, "Internal error", "data root and tx seq not match")),
        (AlreadyStored(), (-32000, "segment has already been uploaded or is being uploaded", None)),
    ],
    ids=lambda value: getattr(value, "reason", ""),
)
def test_rpc_error__any_refusal__has_the_words_that_public_clients_match(refusal, body):
    error = refusal.rpc_error
    assert (error.code, error.message, error.data) == body
    assert isinstance(refusal, Invalid)
    assert str(refusal) == f"{refusal.param}: {refusal.reason}"
