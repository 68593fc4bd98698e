"""The indexer: which nodes there are, which are healthy, which hold a file."""
