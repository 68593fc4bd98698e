"""The part of a file that a request asks for (RFC 9110, sections 13.1.5 and 14)."""

from __future__ import annotations

import re

from offchain.errors import Invalid

MAX_DIGITS = 18


class Unsatisfiable(Invalid):
    """The range begins beyond the end of the file."""


def wanted_part(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length of the range in a `Range` header, None for the whole file; Unsatisfiable beyond its end.

    What is malformed, in another unit or several ranges at once is ignored, as the RFC lets a server do.
    """
    found = re.fullmatch(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", header or "")
    if not found or not (found[1] or found[2]):
        return None
    if max(len(found[1]), len(found[2])) > MAX_DIGITS:
        raise Unsatisfiable("the range begins beyond the end of the file")
    if not found[1]:
        length = min(int(found[2]), size)
        first = size - length
    else:
        first, last = int(found[1]), int(found[2]) if found[2] else size - 1
        if found[2] and last < first:
            return None
        length = min(last, size - 1) - first + 1
    if length <= 0:
        raise Unsatisfiable("the range begins beyond the end of the file")
    return first, length
