"""The key-value server: follows the flow, replays streams, answers `kv_*`."""
