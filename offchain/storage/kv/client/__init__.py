"""The client of key-value streams: reads that are checked, batches, transactions, watching."""
