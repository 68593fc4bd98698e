"""The state of streams in dictionaries: what the rule of the protocol asks for, with all of it in plain sight."""

from offchain.protocol.kv import replay
from offchain.protocol.kv.rights import Role
from offchain.protocol.kv.state_tree import entry_leaf, right_leaf, root


class MemoryState:
    """State after some submissions; `held` streams, all for None."""

    def __init__(self, held=None):
        self.held = held
        self.values = {}
        """(version, value) by stream and key."""
        self.rights = {}
        """(version, holds) by right."""

    def version(self, stream, key):
        return self.values.get((stream, key), (0, b""))[0]

    def is_held(self, stream):
        return self.held is None or stream in self.held

    def is_new(self, stream):
        return all(right.stream != stream for right in self.rights)

    def holds(self, right):
        return self.rights.get(right, (0, False))[1]

    def writes_some_key(self, stream, account):
        return any(
            holds and (right.stream, right.role, right.account) == (stream, Role.SPECIAL_WRITER, account)
            for right, (_, holds) in self.rights.items()
        )

    def apply(self, seq, sender, streams, data, size=1):
        """Decide a transaction and do what that asks for; gives the verdict. `data` are bytes or parsed."""
        verdict = replay.without_data(self, sender, streams, size)
        if verdict is None:
            parsed = replay.parse(data) if isinstance(data, bytes) else data
            is_verdict = isinstance(parsed, replay.Verdict)
            verdict = parsed if is_verdict else replay.judge(self, sender, streams, parsed)
        for write in verdict.writes:
            self.values[write.stream, write.key] = seq, write.value
        for change in verdict.changes:
            self.rights[change.right] = seq, change.granted
        return verdict

    def streams(self):
        """Streams that anything was committed to, in order."""
        return sorted({right.stream for right in self.rights})

    def root(self, stream):
        """Root of a stream, by the protocol's definition."""
        leaves = [
            entry_leaf(each, key, version, value)
            for (each, key), (version, value) in self.values.items()
            if each == stream
        ]
        leaves += [
            right_leaf(right, version, holds)
            for right, (version, holds) in self.rights.items()
            if right.stream == stream
        ]
        return root({leaf.path: leaf for leaf in leaves})
