"""The interpreter's own limit on recursion, as workers have it; libraries that tests import raise it too far."""

import sys
from contextlib import contextmanager

WORKERS_LIMIT = 1000


@contextmanager
def limit_of_workers():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(WORKERS_LIMIT)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
