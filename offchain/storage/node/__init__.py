"""The storage node: follows the flow, takes segments, serves them."""
