"""Key-value streams: what submissions to the flow say, and what the state is after them."""
