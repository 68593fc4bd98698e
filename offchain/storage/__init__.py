"""Storage: node, indexer and client."""
