"""The state of streams in dictionaries: what the rule of the protocol asks for, with all of it in plain sight."""

from collections.abc import Collection, Sequence

from offchain.protocol.kv import replay
from offchain.protocol.kv.replay import Verdict
from offchain.protocol.kv.rights import Right, Role
from offchain.protocol.kv.state_tree import entry_leaf, right_leaf, root
from offchain.protocol.kv.stream_data import StreamData


class MemoryState:
    """State after some submissions; `held` streams, all for None."""

    def __init__(self, held: Collection[bytes] | None = None) -> None:
        self.held = held
        self.values: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}
        """(version, value) by stream and key."""
        self.rights: dict[Right, tuple[int, bool]] = {}
        """(version, holds) by right."""

    def version(self, stream: bytes, key: bytes) -> int:
        return self.values.get((stream, key), (0, b""))[0]

    def is_held(self, stream: bytes) -> bool:
        return self.held is None or stream in self.held

    def is_new(self, stream: bytes) -> bool:
        return all(right.stream != stream for right in self.rights)

    def holds(self, right: Right) -> bool:
        return self.rights.get(right, (0, False))[1]

    def writes_some_key(self, stream: bytes, account: bytes) -> bool:
        return any(
            holds and (right.stream, right.role, right.account) == (stream, Role.SPECIAL_WRITER, account)
            for right, (_, holds) in self.rights.items()
        )

    def apply(
        self, seq: int, sender: bytes, streams: Sequence[bytes], data: bytes | StreamData, size: int = 1
    ) -> Verdict:
        """Decide a transaction and do what that asks for; gives the verdict. `data` are bytes or parsed."""
        verdict = replay.without_data(self, sender, streams, size)
        if verdict is None:
            parsed = replay.parse(data) if isinstance(data, bytes) else data
            verdict = parsed if isinstance(parsed, Verdict) else replay.judge(self, sender, streams, parsed)
        for write in verdict.writes:
            self.values[write.stream, write.key] = seq, write.value
        for change in verdict.changes:
            self.rights[change.right] = seq, change.granted
        return verdict

    def streams(self) -> list[bytes]:
        """Streams that anything was committed to, in order."""
        return sorted({right.stream for right in self.rights})

    def root(self, stream: bytes) -> bytes:
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
