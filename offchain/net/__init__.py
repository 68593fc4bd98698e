"""JSON-RPC and HTTP, servers and clients."""
