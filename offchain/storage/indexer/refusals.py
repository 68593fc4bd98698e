"""What the REST interface says no with: codes and texts of the public gateways (docs/spec/error-codes.md)."""

from __future__ import annotations

from offchain.net.rest import MESSAGES, WRONG, RestError

NOT_FOUND, PRUNED, NOT_FINALIZED, NO_PATH, TOO_LARGE, WRONG_TYPE = 101, 102, 103, 104, 105, 106

TEXTS = {
    NOT_FOUND: "File not found",
    PRUNED: "File already pruned",
    NOT_FINALIZED: "File not finalized yet",
    NO_PATH: "File path not found",
    TOO_LARGE: "File size too large",
    WRONG_TYPE: "File type unsupported",
}


def refusal(code: int, data: object = None) -> RestError:
    """The error of a code; `data` says more about the case."""
    return RestError(code, TEXTS[code], data)


def wrong(reason: str) -> RestError:
    """A parameter is missing or malformed."""
    return RestError(WRONG, MESSAGES[WRONG], reason)
