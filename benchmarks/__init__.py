"""Speed of this project beside its rivals, measured in the same run: `python -m benchmarks`."""
