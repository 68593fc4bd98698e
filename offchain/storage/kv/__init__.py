"""Key-value streams: a server that replays them from the flow, and a client that reads and writes them."""
