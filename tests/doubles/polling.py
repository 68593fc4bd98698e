"""The one way in which tests wait for other processes."""

import time

import pytest

PATIENCE = 60.0


def eventually(look, what, seconds=PATIENCE):
    """What `look()` returns once it is true; fails with `what` was expected after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
    return seen
