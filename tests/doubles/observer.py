"""Who watches the calls of an `RpcServer` in tests."""


class Observed:
    """Remembers (method, error code or None) of every call."""

    def __init__(self):
        self.calls = []

    def called(self, method, error):
        self.calls.append((method, error and error.code))
