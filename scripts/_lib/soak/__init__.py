"""The soak: random work and random kills on a real network, then an account of everything."""
